import { createServer, type Server } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import type { Api } from './api.ts'

export interface ServedApi {
  readonly port: number
  close(): Promise<void>
}

/** Requests under way get this long; streams of events are cut, their readers resume elsewhere. */
const CLOSE_MS = 1000

/** Listens; `port` 0 takes a free one. Rejects with the system's error when it cannot. */
export async function serveApi(options: {
  readonly api: Api
  readonly host: string
  readonly port: number
}): Promise<ServedApi> {
  const { api, host, port } = options
  const listener = getRequestListener((request) => api.fetch(request))
  const server = createServer({ keepAliveTimeout: 60_000 }, (incoming, outgoing) => {
    void listener(incoming, outgoing)
  })
  await listen(server, host, port)
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the API listens nowhere')
  return { port: address.port, close: () => close(server) }
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), CLOSE_MS)
    server.close(() => {
      clearTimeout(timer)
      resolve()
    })
    server.closeIdleConnections()
  })
}
