import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { constants, createServer as createHttp2Server, type ServerHttp2Session } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { startTraffic } from './start.ts'
import type { ClientSpec, Traffic, TrafficStats } from './traffic.ts'

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

async function serve(handler: (request: IncomingMessage, response: ServerResponse) => void): Promise<Server> {
  const server = createServer(handler).listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.push(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  return server
}

const urlOf = (server: Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`

async function run(
  server: Server,
  clients: readonly ClientSpec[],
  { until, isolate = false }: { until: (stats: TrafficStats) => boolean; isolate?: boolean },
): Promise<TrafficStats> {
  const traffic: Traffic = await startTraffic({ target: urlOf(server), clients, requestsPerSecond: 200, isolate })
  try {
    for (const deadline = Date.now() + 180_000; Date.now() < deadline; await sleep(20)) {
      if (until(await traffic.stats())) break
    }
  } finally {
    await traffic.stop()
  }
  return traffic.stats()
}

const ok = (response: ServerResponse, release: string) => {
  response.writeHead(200, { 'x-sluice-release': release }).end('fine')
}

test('counts answers by client and by release, and finds no failure where there is none', async () => {
  let count = 0
  const server = await serve((_, response) => ok(response, count++ % 4 === 0 ? 'r2' : 'r1'))
  const stats = await run(
    server,
    [
      { kind: 'keep-alive', path: '/', share: 2 },
      { kind: 'fresh', path: '/fresh' },
      { kind: 'post', path: '/post' },
      { kind: 'slow', path: '/slow', count: 2 },
    ],
    { until: ({ requests }) => requests >= 100 },
  )
  expect(stats.failed).toBe(0)
  expect(stats.failures).toEqual([])
  expect(Object.keys(stats.clients).sort()).toEqual(['fresh', 'keep-alive', 'post', 'slow'])
  expect(Object.keys(stats.releases).sort()).toEqual(['r1', 'r2'])
  const { r1, r2 } = stats.releases
  expect((r1?.requests ?? 0) + (r2?.requests ?? 0)).toBe(stats.requests)
  expect(stats.requests).toBe(count)
  expect(stats.latencyMs.p50).toBeLessThanOrEqual(stats.latencyMs.max)
  expect(stats.longestGap.ms).toBeGreaterThan(0)
})

test('counts every kind of failure with its details: status, edge error, reset, cut body', async () => {
  const server = await serve((request, response) => {
    const { url = '' } = request
    if (url === '/500') return void response.writeHead(500, { 'x-sluice-release': 'r3' }).end('oh')
    if (url === '/edge') return void response.writeHead(503, { 'x-sluice-error': 'no-instance' }).end()
    if (url === '/reset') return void request.socket.destroy()
    response.writeHead(200, { 'content-length': '1000' })
    response.write('part')
    setTimeout(() => request.socket.destroy(), 5)
  })
  for (const kind of ['keep-alive', 'fresh'] as const) {
    const stats = await run(
      server,
      ['/500', '/edge', '/reset', '/cut'].map((path) => ({ kind, path, name: path })),
      { until: ({ clients }) => Object.values(clients).filter(({ failed }) => failed >= 2).length === 4 },
    )
    expect(stats.failed).toBe(stats.requests)
    const of = (name: string) => stats.failures.find(({ client }) => client === name)
    expect(of('/500')).toMatchObject({ status: 500, release: 'r3', error: null, request: 'GET /500' })
    expect(of('/edge')).toMatchObject({ status: 503, edgeError: 'no-instance' })
    expect(of('/reset')?.status).toBeNull()
    expect(of('/reset')?.error).toMatch(/ECONNRESET|other side closed|socket hang up/)
    expect(of('/cut')?.error).toMatch(/terminated|aborted|cut|closed/)
  }
})

test('keeps the first failures only, but counts them all', async () => {
  const server = await serve((_, response) => void response.writeHead(500).end())
  const traffic = await startTraffic({
    target: urlOf(server),
    clients: [{ kind: 'keep-alive', path: '/' }],
    requestsPerSecond: 200,
    keepFailures: 3,
  })
  while ((await traffic.stats()).failed < 20) await sleep(20)
  const { failed, failures } = await traffic.stop()
  expect(failed).toBeGreaterThanOrEqual(20)
  expect(failures).toHaveLength(3)
})

test('sees how long nothing worked', async () => {
  let [served, failed, brokenAt] = [0, 0, Number.POSITIVE_INFINITY]
  // Broken after some good answers, until half a second has passed and somebody has met it.
  const server = await serve((_, response) => {
    if (++served === 10) brokenAt = performance.now()
    const isBroken = served >= 10 && (failed < 3 || performance.now() - brokenAt < 500)
    if (!isBroken) return ok(response, 'r1')
    failed++
    response.writeHead(503).end()
  })
  const stats = await run(server, [{ kind: 'keep-alive', path: '/' }], {
    until: ({ failed, until, longestGap }) => failed > 0 && longestGap.ms > 300 && until - longestGap.at > 600,
  })
  expect(stats.longestGap.ms).toBeGreaterThan(300)
})

test('a stream that ends cleanly is opened again and is no failure; one that is cut is', async () => {
  let opened = 0
  const server = await serve((request, response) => {
    opened++
    response.writeHead(200, { 'content-type': 'text/event-stream', 'x-sluice-release': 'r1' })
    response.write(`id: ${String(request.headers['last-event-id'] ?? '')}x\ndata: hello\n\n`)
    if (request.url === '/clean') setTimeout(() => response.end(), 20)
    else setTimeout(() => request.socket.destroy(), 20)
  })
  const clean = await run(server, [{ kind: 'sse', path: '/clean', count: 2 }], {
    until: ({ streams }) => streams.endedCleanly >= 4,
  })
  expect(clean.failed).toBe(0)
  expect(clean.streams).toMatchObject({ cut: 0 })
  expect(clean.streams.messages).toBeGreaterThanOrEqual(4)
  expect(clean.streams.opened).toBeLessThanOrEqual(opened)

  const cut = await run(server, [{ kind: 'sse', path: '/cut', count: 1 }], { until: ({ streams }) => streams.cut >= 2 })
  expect(cut.failed).toBe(cut.streams.cut)
  expect(cut.failures[0]?.request).toBe('GET /cut (stream)')
})

test('a WebSocket told to go is no failure; a refused or torn one is', async () => {
  const server = await serve((_, response) => void response.writeHead(404).end())
  const sockets = new WebSocketServer({ noServer: true })
  server.on('upgrade', (request, socket, head) => {
    if (request.url === '/refuse') return void socket.end('HTTP/1.1 503 no\r\ncontent-length: 0\r\n\r\n')
    sockets.handleUpgrade(request, socket, head, (client) => {
      client.send('welcome')
      client.on('message', (data: Buffer) => {
        client.send(data.toString())
        if (request.url === '/restart') client.close(1012)
        if (request.url === '/torn') client.terminate()
      })
    })
  })
  const talk = (path: string, until: (stats: TrafficStats) => boolean) =>
    run(server, [{ kind: 'websocket', path, count: 1, messageEveryMs: 20 }], { until })

  const echo = await talk('/', ({ streams }) => streams.messages >= 5)
  expect(echo.failed).toBe(0)
  const restart = await talk('/restart', ({ streams }) => streams.endedCleanly >= 2)
  expect(restart.failed).toBe(0)
  const torn = await talk('/torn', ({ streams }) => streams.cut >= 2)
  expect(torn.failures[0]?.error).toMatch(/1006/)
  const refused = await talk('/refuse', ({ failed }) => failed >= 2)
  expect(refused.failures[0]).toMatchObject({ status: 503 })
})

test('users sign up first and then keep their cookies', async () => {
  const seen: { path: string; cookie: string }[] = []
  const server = await serve((request, response) => {
    const { method, url = '' } = request
    request.resume()
    seen.push({ path: `${method} ${url}`, cookie: request.headers.cookie ?? '' })
    if (`${method} ${url}` === 'POST /api/users') {
      response.writeHead(201, { 'set-cookie': ['session=s1; Path=/', 'sluice=v1; Path=/'] }).end('{}')
    } else if (url.startsWith('/api/posts')) response.end('{"posts":[{"id":7}],"next":null}')
    else response.end('<a href="/p/7"></a><script src="/_app/immutable/entry/start.a1.js"></script>')
  })
  const stats = await run(server, [{ kind: 'users', count: 3 }], { until: ({ requests }) => requests >= 150 })
  expect(stats.failed).toBe(0)
  expect(seen.filter(({ path }) => path === 'POST /api/users')).toHaveLength(3)
  const later = seen.filter(({ path }) => path !== 'POST /api/users')
  expect(later.every(({ cookie }) => cookie === 'session=s1; sluice=v1')).toBe(true)
  expect(new Set(later.map(({ path }) => path))).toContain('GET /p/7')
})

test('runs in a process of its own with the same figures', async () => {
  const server = await serve((_, response) => ok(response, 'r9'))
  const stats = await run(server, [{ kind: 'keep-alive', path: '/' }], {
    until: ({ requests }) => requests >= 20,
    isolate: true,
  })
  expect(stats.failed).toBe(0)
  expect(stats.requests).toBeGreaterThanOrEqual(20)
  expect(Object.keys(stats.releases)).toEqual(['r9'])
})

test('HTTP/2 keeps its connections, goes where a told one ends, and repeats what was not begun', async () => {
  const sessions = new Set<ServerHttp2Session>()
  let requests = 0
  const server = createHttp2Server()
  server.on('session', (session) => sessions.add(session))
  server.on('stream', (stream) => {
    requests++
    stream.on('error', () => {})
    if (requests === 5) return stream.close(constants.NGHTTP2_REFUSED_STREAM)
    stream.respond({ ':status': 200, 'x-sluice-release': 'r1' })
    stream.end('fine')
    if (requests === 20) for (const session of sessions) session.close()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.push(async () => {
    for (const session of sessions) session.destroy()
    server.close()
    await once(server, 'close')
  })
  const traffic = await startTraffic({
    target: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    clients: [
      { kind: 'http2', path: '/', connections: 1 },
      { kind: 'http2', name: 'http2 post', path: '/', connections: 1, body: '{}' },
    ],
    requestsPerSecond: 100,
  })
  while ((await traffic.stats()).requests < 50) await sleep(20)
  const stats = await traffic.stop()
  expect([stats.failed, stats.failures]).toEqual([0, []])
  expect(stats.repeated).toBeGreaterThanOrEqual(1)
  expect(sessions.size).toBe(4)
})

test('uploads tell when bytes are missing, and pass by their length and in chunks', async () => {
  const seen: string[] = []
  const server = await serve((request, response) => {
    let bytes = 0
    request.on('data', (chunk: Buffer) => (bytes += chunk.length))
    request.on('end', () => {
      seen.push('content-length' in request.headers ? 'length' : 'chunks')
      response.end(JSON.stringify({ bytes: request.url === '/short' ? bytes - 1 : bytes }))
    })
  })
  const stats = await run(
    server,
    [
      { kind: 'upload', path: '/upload', count: 2, durationMs: 600 },
      { kind: 'upload', name: 'short', path: '/short', count: 1, durationMs: 300 },
    ],
    { until: ({ clients }) => (clients['upload']?.requests ?? 0) >= 3 && clients['short'] !== undefined },
  )
  expect(stats.clients['upload']?.failed).toBe(0)
  expect(new Set(seen)).toEqual(new Set(['length', 'chunks']))
  expect(stats.clients['short']?.failed).toBe(stats.clients['short']?.requests)
})

test('header bytes that come back as others are a failure', async () => {
  const server = await serve((request, response) => {
    const value = String(request.headers['x-bytes'])
    response.writeHead(200, { 'x-bytes': request.url === '/trimmed' ? value.trim() : value })
    response.end(Buffer.from('fine'))
  })
  const stats = await run(
    server,
    [
      { kind: 'header-bytes', path: '/' },
      { kind: 'header-bytes', name: 'trimmed', path: '/trimmed' },
    ],
    { until: ({ requests }) => requests >= 40 },
  )
  expect(stats.clients['header-bytes']?.failed).toBe(0)
  expect(stats.clients['trimmed']?.failed).toBeGreaterThan(0)
})

test('event streams may be asked for by POST, with a body', async () => {
  const seen: string[] = []
  const server = await serve((request, response) => {
    let body = ''
    request.on('data', (part) => (body += part))
    request.on('end', () => {
      seen.push(`${request.method} ${body === '' ? 'without' : 'with'} a body`)
      response.writeHead(200, { 'content-type': 'text/event-stream' }).end('data: 1\n\n')
    })
  })
  const stats = await run(server, [{ kind: 'sse', path: '/', method: 'POST', count: 1 }], {
    until: ({ streams }) => streams.endedCleanly >= 2,
  })
  expect([stats.failed, new Set(seen)]).toEqual([0, new Set(['POST with a body'])])
})

test('gives figures of a window alone', async () => {
  const server = await serve((_, response) => ok(response, 'r1'))
  const traffic = await startTraffic({
    target: urlOf(server),
    clients: [{ kind: 'keep-alive', path: '/' }],
    requestsPerSecond: 100,
  })
  while ((await traffic.stats()).requests < 20) await sleep(20)
  // Between two milliseconds, so that no request begins right then; some may be under way.
  const middle = Date.now() + 0.5
  while ((await traffic.stats({ from: middle })).requests < 10) await sleep(20)
  const [before, after] = [await traffic.stats({ until: middle }), await traffic.stats({ from: middle })]
  expect(before.requests).toBeGreaterThanOrEqual(20)
  expect(after.requests).toBeGreaterThanOrEqual(10)
  await traffic.stop()
  expect((await traffic.stats({ until: middle })).requests).toBe(before.requests)
})
