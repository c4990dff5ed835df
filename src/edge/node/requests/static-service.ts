import type { OutgoingHttpHeaders } from 'node:http'
import { RELEASE_HEADER } from '../../assignment.ts'
import type { RetainedAssets } from '../../edge.ts'
import { isBelow } from '../../route-index.ts'
import { type StaticResponse, serveStatic } from '../../static/static-files.ts'
import type { ClientRequest, ClientResponse } from '../clients/reply.ts'
import type { Service } from '../environment.ts'

/** Answers from the folder of a static service; null when it has no such file. */
export function serveStaticService(order: {
  readonly service: Service
  readonly request: ClientRequest
  readonly response: ClientResponse
  readonly path: string
  readonly cookie: string | null
}): Promise<number | null> {
  const { service, request, response, path, cookie } = order
  const { root = '', fallback } = service.routed
  const extra: OutgoingHttpHeaders = { [RELEASE_HEADER]: service.release }
  if (cookie !== null) extra['set-cookie'] = cookie
  const site = { root, ...(fallback === undefined ? {} : { fallback }) }
  return serveStatic(site, staticRequest(request, path), response as StaticResponse, extra)
}

/** Immutable files of the releases of now and before; null when none has the file, then the application is asked. */
export async function serveRetainedAssets(
  assets: readonly RetainedAssets[],
  request: ClientRequest,
  response: ClientResponse,
  path: string,
): Promise<number | null> {
  for (const { path: prefix, directory, release } of assets) {
    if (!isBelow(prefix, path)) continue
    const below = prefix === '/' ? path : path.slice(prefix.length)
    const site = { root: directory, immutable: true }
    const extra = { [RELEASE_HEADER]: release }
    const status = await serveStatic(site, staticRequest(request, below), response as StaticResponse, extra)
    if (status !== null) return status
  }
  return null
}

export function isAssetRequest(assets: readonly RetainedAssets[], method: string | undefined, path: string): boolean {
  if (assets.length === 0 || (method !== 'GET' && method !== 'HEAD')) return false
  return assets.some((each) => isBelow(each.path, path))
}

function staticRequest(request: ClientRequest, path: string) {
  return {
    method: request.method ?? 'GET',
    path: path === '' ? '/' : path,
    header: (name: string) => request.headers[name]?.toString(),
  }
}
