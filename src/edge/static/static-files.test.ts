import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer, type IncomingHttpHeaders, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type StaticSite, serveStatic } from './static-files.ts'

let directory: string
let site: StaticSite
let server: Server
let port: number

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-static-'))
  const root = join(directory, 'site')
  await mkdir(join(root, 'docs'), { recursive: true })
  await writeFile(join(root, 'index.html'), '<h1>home</h1>')
  await writeFile(join(root, 'about.html'), 'about')
  await writeFile(join(root, 'docs/index.html'), 'docs')
  await writeFile(join(root, 'app.js'), 'plain script')
  await writeFile(join(root, 'app.js.br'), 'brotli')
  await writeFile(join(root, 'app.js.gz'), 'gzip')
  await writeFile(join(root, 'data.bin'), Buffer.alloc(300_000, 7))
  await writeFile(join(root, 'empty.txt'), '')
  await writeFile(join(directory, 'secret.txt'), 'secret')
  await symlink(join(directory, 'secret.txt'), join(root, 'link.txt'))
  await symlink(join(root, 'about.html'), join(root, 'inside.html'))
  site = { root, fallback: 'index.html' }
  server = createServer((incoming, response) => {
    const header = (name: string) => incoming.headers[name]?.toString()
    serveStatic(site, { method: incoming.method ?? '', path: incoming.url ?? '', header }, response)
      .then((status) => status ?? response.writeHead(404).end())
      .catch((error: unknown) => response.destroy(error as Error))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  port = (server.address() as AddressInfo).port
})
afterAll(async () => {
  server.close()
  await rm(directory, { recursive: true, force: true })
})

interface Answer {
  readonly status: number | undefined
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** Sends the path as it is: `fetch` would repair it. */
function get(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ port, path, headers, method, agent: false }, (response) => {
      let body = ''
      response.setEncoding('latin1')
      response.on('data', (chunk) => (body += chunk))
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }))
    })
    outgoing.on('error', reject)
    outgoing.end()
  })
}

describe('static files', () => {
  test('have their type, tag and date, and are validated again by clients', async () => {
    const { status, headers, body } = await get('/about.html?next=%2Fhome')
    expect([status, body]).toEqual([200, 'about'])
    expect(headers).toMatchObject({ 'content-type': 'text/html;charset=utf-8', 'cache-control': 'no-cache' })
    expect((await get('/about.html', { 'if-none-match': `W/${headers.etag}` })).status).toBe(304)
    expect((await get('/about.html', { 'if-modified-since': headers['last-modified'] ?? '' })).status).toBe(304)
    expect((await get('/about.html', { 'if-none-match': '"other"' })).status).toBe(200)
  })

  test('of immutable names may be kept for a year, and their absence is a 404', async () => {
    const before = site
    site = { ...site, immutable: true }
    expect((await get('/app.js')).headers['cache-control']).toBe('public,max-age=31536000,immutable')
    expect((await get('/gone.js')).status).toBe(404)
    expect((await get('/gone')).status).toBe(404)
    site = before
  })

  test('are found by folder, without their ending, and by the fallback for pages only', async () => {
    expect((await get('/')).body).toBe('<h1>home</h1>')
    expect((await get('/docs')).body).toBe('docs')
    expect((await get('/docs/')).body).toBe('docs')
    expect((await get('/about')).body).toBe('about')
    expect((await get('/some/page')).body).toBe('<h1>home</h1>')
    expect((await get('/missing.js')).status).toBe(404)
  })

  test('are sent precompressed to who takes it', async () => {
    const best = await get('/app.js', { 'accept-encoding': 'gzip, br' })
    expect([best.body, best.headers['content-encoding']]).toEqual(['brotli', 'br'])
    expect(best.headers).toMatchObject({ vary: 'accept-encoding', 'content-type': 'text/javascript;charset=utf-8' })
    expect((await get('/app.js', { 'accept-encoding': 'gzip, br;q=0' })).body).toBe('gzip')
    const plain = await get('/app.js')
    expect([plain.body, plain.headers.vary]).toEqual(['plain script', 'accept-encoding'])
    expect(plain.headers.etag).not.toBe(best.headers.etag)
  })

  test('are sent in ranges', async () => {
    expect(await get('/about.html', { range: 'bytes=1-2' })).toMatchObject({
      status: 206,
      body: 'bo',
      headers: { 'content-range': 'bytes 1-2/5', 'content-length': '2' },
    })
    expect((await get('/about.html', { range: 'bytes=-2' })).body).toBe('ut')
    expect((await get('/about.html', { range: 'bytes=3-' })).body).toBe('ut')
    expect(await get('/about.html', { range: 'bytes=9-' })).toMatchObject({
      status: 416,
      headers: { 'content-range': 'bytes */5' },
    })
    expect((await get('/about.html', { range: 'bytes=0-1,3-4' })).status).toBe(200)
    expect((await get('/about.html', { range: 'bytes=0-1', 'if-range': '"old"' })).status).toBe(200)
  })

  test('of any size arrive whole, HEAD and empty ones without a body, other methods are refused', async () => {
    expect((await get('/data.bin')).body.length).toBe(300_000)
    expect(await get('/data.bin', {}, 'HEAD')).toMatchObject({
      status: 200,
      body: '',
      headers: { 'content-length': '300000' },
    })
    expect(await get('/empty.txt')).toMatchObject({ status: 200, body: '' })
    expect((await get('/about.html', {}, 'POST')).status).toBe(405)
  })

  test.each([
    '/../secret.txt',
    '/docs/../../secret.txt',
    '/%2e%2e/secret.txt',
    '/..%2fsecret.txt',
    '/docs/..%5c..%5csecret.txt',
    '/about.html%00.txt',
    '/%zz',
    '/link.txt',
  ])('outside of the folder are not reached by %s', async (path) => {
    const { status, body } = await get(path)
    expect([status, body]).toEqual([404, ''])
  })

  test('are reached by links that stay inside', async () => {
    expect((await get('/inside.html')).body).toBe('about')
  })
})
