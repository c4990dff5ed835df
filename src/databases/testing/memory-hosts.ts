import { passwordsIn } from '../../secrets/credentials.ts'
import type { DatabaseHost } from '../database-host.ts'
import type { DatabaseHosts } from '../database-hosts.ts'
import { urlHost } from '../url/url-host.ts'

/** Hosts that start nothing: releases without a given server get the one address. */
export function memoryHosts(url = 'postgres://app:pass@127.0.0.1:5432/app'): DatabaseHosts {
  const own: DatabaseHost = {
    capabilities: { pitr: false, physical: false, branch: false, worstRpoSeconds: null },
    ensure: async () => ({ url }),
    credentials: async () => passwordsIn(url),
    inspect: async () => ({ answers: true, problem: null, serverVersion: '18.0', sizeBytes: 0, generation: null }),
  }
  return {
    hostOf: (given) => (given === null ? own : urlHost(given)),
    credentials: (environment) => own.credentials(environment),
    stop: async () => {},
  }
}
