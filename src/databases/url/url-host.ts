import { assertWholeUrl, type UrlNaming } from '../../postgres/database-url.ts'
import { passwordsIn } from '../../secrets/credentials.ts'
import { askServer } from '../ask-server.ts'
import type { DatabaseHost } from '../database-host.ts'

/** A server that somebody else runs, by its address. It is neither made nor stopped, and we promise nothing of its data. */
export function urlHost(given: { readonly url: string } & UrlNaming): DatabaseHost {
  const { url } = given
  return {
    capabilities: { pitr: false, physical: false, branch: false, worstRpoSeconds: null },
    // Not asked here: applications may reach it where we cannot, and bring themselves up before it.
    async ensure(_environment, { signal }) {
      signal.throwIfAborted()
      assertWholeUrl(url, given)
      return { url }
    },
    credentials: async () => passwordsIn(url),
    inspect: async (_environment, options) => ({ ...(await askServer(url, options)), generation: null }),
  }
}
