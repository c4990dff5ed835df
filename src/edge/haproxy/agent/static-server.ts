import { chmod, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { ERROR_HEADER, RELEASE_HEADER } from '../../assignment.ts'
import type { RouteTable } from '../../edge.ts'
import { type EdgeAnswerCode, edgeAnswerBody, edgeAnswers } from '../../edge-answers.ts'
import { isBelow, normalPath } from '../../route-index.ts'
import { serveStatic } from '../../static/static-files.ts'
import { shortPath } from '../layout.ts'

export interface StaticServer {
  close(): Promise<void>
}

export interface ServedFile {
  readonly environment: string
  readonly service: string
  readonly release: string
  readonly status: number
  readonly atMs: number
  readonly tookMs: number
  readonly path: string
}

/** Serves static services and retained assets to HAProxy, which cannot serve files. */
export async function serveFiles(options: {
  readonly path: string
  readonly tableOf: (environment: string) => RouteTable | undefined
  readonly onServed: (served: ServedFile) => void
}): Promise<StaticServer> {
  const { path, tableOf, onServed } = options
  const server = createServer((request, response) => {
    const order = String(request.headers['x-sluice-serve'] ?? '').split('|')
    const [environment = '', , service = '', release = ''] = order
    const atMs = Date.now()
    const table = tableOf(environment)
    const work =
      order.length < 4 ? serveAsset(table, request, response) : serveService(table, service, release, request, response)
    work
      .then((status) => {
        const done = status ?? refuse('FILE_NOT_FOUND', request, response)
        if (order.length < 4) return
        onServed({
          environment,
          service,
          release,
          status: done,
          atMs,
          tookMs: Date.now() - atMs,
          path: request.url ?? '/',
        })
      })
      .catch((error: unknown) => response.destroy(error as Error))
  })
  server.keepAliveTimeout = 3600_000
  await rm(path, { force: true })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(shortPath(path), () => resolve())
  })
  await chmod(shortPath(path), 0o600)
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function serveService(
  table: RouteTable | undefined,
  service: string,
  release: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<number | null> {
  const found = table?.releases
    .find((each) => each.release === release)
    ?.services.find((each) => each.service === service)
  if (found?.root === undefined) return null
  const { root, fallback } = found
  return serveStatic({ root, ...(fallback === undefined ? {} : { fallback }) }, staticRequest(request), response)
}

async function serveAsset(
  table: RouteTable | undefined,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<number | null> {
  const url = request.url ?? '/'
  for (const { path, directory, release } of table?.assets ?? []) {
    const prefix = normalPath(path)
    if (!isBelow(prefix, url)) continue
    const below = prefix === '/' ? url : url.slice(prefix.length) || '/'
    const site = { root: directory, immutable: true }
    const status = await serveStatic(site, staticRequest(request, below), response, { [RELEASE_HEADER]: release })
    if (status !== null) return status
  }
  return null
}

function staticRequest(request: IncomingMessage, path = request.url ?? '/') {
  return {
    method: request.method ?? 'GET',
    path,
    header: (name: string) => {
      const value = request.headers[name.toLowerCase()]
      return Array.isArray(value) ? value.join(', ') : value
    },
  }
}

function refuse(code: EdgeAnswerCode, request: IncomingMessage, response: ServerResponse): number {
  const { status } = edgeAnswers[code]
  const { contentType, text } = edgeAnswerBody(code, request.headers.accept)
  response.writeHead(status, {
    [ERROR_HEADER]: code,
    'content-type': contentType,
    'content-length': Buffer.byteLength(text),
  })
  response.end(request.method === 'HEAD' ? undefined : text)
  return status
}
