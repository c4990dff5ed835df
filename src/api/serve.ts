import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https'
import { getRequestListener } from '@hono/node-server'
import type { Api } from './api.ts'
import type { Door } from './guard.ts'

export interface ServedApi {
  readonly port: number
  close(): Promise<void>
}

/** Certificate chain and private key, in PEM. */
export interface CertificatePair {
  readonly cert: string
  readonly key: string
}

export interface ServeOptions {
  readonly api: Api
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /** How this place may be called; absent: as this machine. */
  readonly door?: Door
  /** HTTPS with the pair that is there, and with those that come later. */
  readonly certificate?: {
    current(): CertificatePair
    onChange(listener: (pair: CertificatePair) => void): void
  }
}

/** Requests under way get this long; streams of events are cut, their readers resume elsewhere. */
const CLOSE_MS = 1000

/** Listens. Rejects with the system's error when it cannot. */
export async function serveApi({ api, host, port, door, certificate }: ServeOptions): Promise<ServedApi> {
  const listener = getRequestListener((request) => api.fetch(request, door))
  const onRequest = (incoming: IncomingMessage, outgoing: ServerResponse) => void listener(incoming, outgoing)
  let server: Server | SecureServer
  if (certificate === undefined) {
    server = createServer({ keepAliveTimeout: 60_000 }, onRequest)
  } else {
    const secure = createSecureServer({ keepAliveTimeout: 60_000, ...certificate.current() }, onRequest)
    certificate.onChange((pair) => secure.setSecureContext(pair))
    server = secure
  }
  await listen(server, host, port)
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the API listens nowhere')
  return { port: address.port, close: () => close(server) }
}

function listen(server: Server | SecureServer, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function close(server: Server | SecureServer): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), CLOSE_MS)
    server.close(() => {
      clearTimeout(timer)
      resolve()
    })
    server.closeIdleConnections()
  })
}
