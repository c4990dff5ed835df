import type { Stats } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import type { OutgoingHttpHeaders } from 'node:http'
import { join } from 'node:path'
import type { Writable } from 'node:stream'
import { contentTypeOf, encodingsOf, etagOf, type HeaderOf, IMMUTABLE, isFresh, rangeOf } from './static-headers.ts'
import { placeBelow, realPlace } from './static-path.ts'

export interface StaticSite {
  /** Absolute folder. */
  readonly root: string
  /** File below the root for unknown paths of page loads (single-page applications). */
  readonly fallback?: string
  /** Names change with their content: clients may keep the files for a year. */
  readonly immutable?: boolean
}

export interface StaticRequest {
  readonly method: string
  /** Path below the site's root, beginning with `/`; a query may follow. */
  readonly path: string
  readonly header: HeaderOf
}

/** What both HTTP/1 and HTTP/2 responses of Node can. */
export interface StaticResponse extends Writable {
  writeHead(status: number, headers: OutgoingHttpHeaders): unknown
}

const CHUNK_BYTES = 64 * 1024

/** Answers from a folder. Resolves with the status when the answer is out, with null when there is no such file: nothing was sent. */
export async function serveStatic(
  site: StaticSite,
  request: StaticRequest,
  response: StaticResponse,
  extraHeaders: OutgoingHttpHeaders = {},
): Promise<number | null> {
  const found = await findFile(site, request.path)
  if (found === null) return null
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { ...extraHeaders, allow: 'GET, HEAD', 'content-length': 0 })
    response.end()
    return 405
  }
  const variant = await bestVariant(site.root, found, request.header)
  const { stats } = variant
  const etag = etagOf(stats, variant.encoding)
  const headers: OutgoingHttpHeaders = {
    ...extraHeaders,
    etag,
    'last-modified': stats.mtime.toUTCString(),
    'cache-control': site.immutable === true && !found.isFallback ? IMMUTABLE : 'no-cache',
    ...(variant.hasVariants ? { vary: 'accept-encoding' } : {}),
  }
  if (isFresh(request.header, etag, stats.mtime)) {
    response.writeHead(304, headers)
    response.end()
    return 304
  }
  headers['accept-ranges'] = 'bytes'
  headers['content-type'] = contentTypeOf(found.file)
  if (variant.encoding !== null) headers['content-encoding'] = variant.encoding
  const range = rangeOf(request.header, stats.size, etag, stats.mtime)
  if (range === 'unsatisfiable') {
    response.writeHead(416, { ...extraHeaders, 'content-range': `bytes */${stats.size}`, 'content-length': 0 })
    response.end()
    return 416
  }
  const { start, end } = range ?? { start: 0, end: stats.size - 1 }
  if (range !== null) headers['content-range'] = `bytes ${start}-${end}/${stats.size}`
  headers['content-length'] = end - start + 1
  const status = range === null ? 200 : 206
  response.writeHead(status, headers)
  if (request.method === 'HEAD' || stats.size === 0) response.end()
  else await sendFile(variant.file, start, end, response)
  return status
}

interface FoundFile {
  readonly file: string
  readonly stats: Stats
  readonly isFallback: boolean
}

async function findFile(site: StaticSite, path: string): Promise<FoundFile | null> {
  const place = placeBelow(site.root, path)
  if (place === null) return null
  const stats = await statOf(place)
  const file = stats?.isDirectory() ? join(place, 'index.html') : place
  const direct = await regularFile(site.root, file)
  if (direct !== null) return { ...direct, isFallback: false }
  if (!/\.[A-Za-z0-9]+$/.test(place)) {
    const page = await regularFile(site.root, `${place.replace(/\/+$/, '')}.html`)
    if (page !== null) return { ...page, isFallback: false }
  }
  // A missing script must stay a 404: a page in its place only moves the failure into the browser.
  if (site.fallback === undefined || site.immutable === true || isAssetLike(place)) return null
  const fallback = await regularFile(site.root, join(site.root, site.fallback))
  return fallback === null ? null : { ...fallback, isFallback: true }
}

function isAssetLike(place: string): boolean {
  return /\.(?:js|mjs|css|map|json|wasm|png|jpe?g|gif|svg|webp|avif|ico|woff2?|ttf|txt|xml)$/i.test(place)
}

async function regularFile(root: string, file: string): Promise<{ file: string; stats: Stats } | null> {
  const real = await realPlace(root, file)
  const stats = real === null ? null : await statOf(real)
  return real !== null && stats?.isFile() ? { file: real, stats } : null
}

interface Variant {
  readonly file: string
  readonly stats: Stats
  readonly encoding: 'br' | 'gzip' | null
  readonly hasVariants: boolean
}

async function bestVariant(root: string, plain: FoundFile, header: HeaderOf): Promise<Variant> {
  const compressed = await Promise.all([regularFile(root, `${plain.file}.br`), regularFile(root, `${plain.file}.gz`)])
  const hasVariants = compressed.some((variant) => variant !== null)
  for (const encoding of hasVariants ? encodingsOf(header) : []) {
    const variant = compressed[encoding === 'br' ? 0 : 1]
    if (variant !== null && variant !== undefined) return { ...variant, encoding, hasVariants }
  }
  return { file: plain.file, stats: plain.stats, encoding: null, hasVariants }
}

/** Reads only as fast as the client takes; ends early when the client is gone. */
async function sendFile(file: string, start: number, end: number, response: StaticResponse): Promise<void> {
  const handle = await open(file, 'r')
  try {
    let position = start
    while (position <= end && !response.destroyed) {
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, end - position + 1))
      const { bytesRead } = await handle.read(chunk, 0, chunk.length, position)
      if (bytesRead === 0) {
        // The file shrank below what the head has promised: only a broken connection tells the client.
        response.destroy()
        return
      }
      position += bytesRead
      if (!response.write(bytesRead === chunk.length ? chunk : chunk.subarray(0, bytesRead))) await drained(response)
    }
    if (!response.destroyed) response.end()
  } finally {
    await handle.close()
  }
}

function drained(response: StaticResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done)
      response.off('close', done)
      resolve()
    }
    response.on('drain', done)
    response.on('close', done)
  })
}

function statOf(file: string): Promise<Stats | null> {
  return stat(file).catch(() => null)
}
