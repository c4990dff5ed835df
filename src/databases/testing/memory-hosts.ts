import type { DatabaseHosts } from '../database-hosts.ts'

/** Hosts that start nothing: releases with a given server get it, all others the one address. */
export function memoryHosts(url = 'postgres://app:pass@127.0.0.1:5432/app'): DatabaseHosts {
  return {
    hostOf: (given) => ({
      capabilities: { pitr: false, physical: false, branch: false, worstRpoSeconds: null },
      ensure: async () => ({ url: given?.url ?? url }),
      inspect: async () => ({ answers: true, problem: null, serverVersion: '18.0', sizeBytes: 0, generation: null }),
    }),
    stop: async () => {},
  }
}
