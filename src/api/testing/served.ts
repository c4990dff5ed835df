import { createApi } from '../api.ts'
import { ApiClient } from '../client.ts'
import { ownerToken } from '../guard.ts'
import type { ApiOptions } from '../options.ts'
import { serveApi } from '../serve.ts'
import { MemoryEngine } from './memory-engine.ts'
import { memoryUploads } from './memory-uploads.ts'

export const TOKEN = 'sluice_test'

/** The API on a real port, with an engine in memory. */
export async function servedApi(options: Partial<ApiOptions> = {}) {
  const engine = new MemoryEngine()
  const errors: string[] = []
  const log = { info: () => {}, warn: () => {}, error: (text: string) => void errors.push(text) }
  const api = createApi({
    engine,
    uploads: memoryUploads(),
    identify: ownerToken(TOKEN, 'owner'),
    version: '1.2.3',
    log,
    onShutdown: () => {},
    ...options,
  })
  const server = await serveApi({ api, host: '127.0.0.1', port: 0 })
  const client = new ApiClient({ address: { url: `http://127.0.0.1:${server.port}`, token: TOKEN } })
  const call = (
    path: string,
    init: Omit<RequestInit, 'headers'> & { readonly headers?: Record<string, string> } = {},
  ) =>
    fetch(`http://127.0.0.1:${server.port}${path}`, {
      ...init,
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json', ...init.headers },
    })
  return {
    api,
    engine,
    errors,
    server,
    client,
    call,
    close: async () => {
      client.close()
      await server.close()
    },
  }
}
