import type { Duplex } from 'node:stream'
import type { ListenerHandlers } from '../clients/listener.ts'
import type { Port } from '../clients/listeners.ts'
import { answerAsEdge, type ClientRequest, type ClientResponse, rawAnswer } from '../clients/reply.ts'
import type { Core, Entrance } from '../core.ts'
import type { Environment } from '../environment.ts'
import { Exchange } from './exchange.ts'
import { type RequestHead, readRequestHead } from './request-head.ts'
import { isAssetRequest, serveRetainedAssets } from './static-service.ts'
import { Tunnel } from './tunnel.ts'

/** What happens to a request before it is assigned: checks, the environment, redirect to https, retained assets. */
export function frontDoor(core: Core, portOf: () => Port | undefined): ListenerHandlers {
  return {
    onRequest(request, response) {
      const port = portOf()
      const head = readRequestHead(request.rawHeaders)
      // Whatever answers, this connection ends with it and the next one reaches the next process.
      if (core.isLeaving) response.shouldKeepAlive = false
      const refuse = (code: Parameters<typeof answerAsEdge>[1], close = false) =>
        answerAsEdge(response, code, {
          accept: head.accept,
          method: request.method ?? '',
          close,
        })
      const path = originForm(request.url ?? '', head.host)
      if (path === null || isFaulty(head, request)) return refuse('BAD_REQUEST', true)
      const environment = environmentOf(core, port, head, path)
      if (port === undefined || environment === null) return refuse('ROUTE_NOT_FOUND')
      const { table } = environment
      if (mustRedirect(port.entrance, environment)) return redirectToHttps(response, environment, head, path)
      const { bodyBytes } = table.limits
      if (bodyBytes > 0 && head.contentLength > bodyBytes) return refuse('BODY_TOO_LARGE', true)
      const start = () =>
        new Exchange({
          core,
          request,
          response,
          entrance: port.entrance,
          environment,
          head,
          path,
          hasBody: prepareBody(request, head),
        }).start()
      if (!isAssetRequest(table.assets, request.method, path)) return start()
      serveRetainedAssets(table.assets, request, response, path).then(
        (status) => (status === null ? start() : undefined),
        () => refuse('APP_UNREACHABLE', true),
      )
    },
    onUpgrade(request, client, early) {
      const port = portOf()
      const head = readRequestHead(request.rawHeaders)
      const refuse = (text: string) => void client.end(text)
      const path = originForm(request.url ?? '', head.host)
      if (path === null || isFaulty(head, request)) return refuse(rawAnswer('BAD_REQUEST'))
      const environment = environmentOf(core, port, head, path)
      if (port === undefined || environment === null) return refuse(rawAnswer('ROUTE_NOT_FOUND'))
      openTunnel(core, { request, client, early, entrance: port.entrance, environment, head })
    },
  }
}

function openTunnel(
  core: Core,
  parts: {
    readonly request: ClientRequest
    readonly client: Duplex
    readonly early: Buffer
    readonly entrance: Entrance
    readonly environment: Environment
    readonly head: RequestHead
  },
): void {
  new Tunnel({ core, ...parts }).start()
}

/** `GET http://host/path` is what a proxy gets; the application must see `/path`. Null: nothing we forward. */
function originForm(url: string, host: string | undefined): string | null {
  if (url.startsWith('/') || url === '*') return url
  const [, authority = '', rest = ''] = /^https?:\/\/([^/?#]+)(.*)$/i.exec(url) ?? []
  // Two different hosts: one would choose the route, and the application might believe the other.
  if (authority === '' || authority.toLowerCase() !== host?.toLowerCase()) return null
  return rest.startsWith('/') ? rest : `/${rest}`
}

function isFaulty(head: RequestHead, request: ClientRequest): boolean {
  if (head.fault !== null) return true
  // HTTP/1 has refused them while parsing; behind HTTP/2 they would break the lines of the request to the application.
  if (request.httpVersionMajor >= 2 && /[\0-\x20\x7f]/.test(`${request.url}${head.host}${request.method}`)) return true
  return head.host === undefined && !(request.httpVersionMajor === 1 && request.httpVersionMinor === 0)
}

function environmentOf(core: Core, port: Port | undefined, head: RequestHead, path: string): Environment | null {
  const name = port?.index.match(head.host, path === '*' ? '/' : path)
  return name == null ? null : (core.environment(name) ?? null)
}

/** HTTP/2 needs no length and no chunks; HTTP/1 towards the application does. */
function prepareBody(request: ClientRequest, head: RequestHead): boolean {
  if (request.httpVersionMajor >= 2 && head.contentLength < 0 && !head.isChunked) {
    const { stream } = request as unknown as { readonly stream: { readonly endAfterHeaders: boolean } }
    if (stream.endAfterHeaders) return false
    head.lines += 'Transfer-Encoding: chunked\r\n'
    return true
  }
  return head.isChunked || head.contentLength > 0
}

function mustRedirect(entrance: Entrance, environment: Environment): boolean {
  const { redirectToHttps, https } = environment.table.listeners
  return redirectToHttps && https !== null && !entrance.isSecure && entrance.internal === undefined
}

function redirectToHttps(response: ClientResponse, environment: Environment, head: RequestHead, path: string): void {
  const port = environment.table.listeners.https ?? 443
  const host = (head.host ?? '').replace(/:\d+$/, '')
  const location = `https://${host}${port === 443 ? '' : `:${port}`}${path}`
  response.writeHead(308, { location, 'content-length': 0 })
  response.end()
}
