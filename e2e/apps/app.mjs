/**
 * The test application: one file, no dependencies, every fault on a switch. Start it by `node app.mjs` with PORT set.
 *
 * Switches, as an environment variable or as an argument (`APP_LISTEN_DELAY_MS=500` is `--listen-delay-ms=500`; the
 * argument wins; a flag without a value means 1):
 *
 *   APP_VERSION            text in every body and in the header `x-app-version` (default: SLUICE_RELEASE or `dev`)
 *   APP_LISTEN_DELAY_MS    boot time before the port is opened
 *   APP_NEVER_LISTEN       1: never opens a port, stays alive
 *   APP_PORT               opens this port instead of PORT (0: any free one)
 *   APP_HEALTH_STATUS      status of GET /health (default 200)
 *   APP_HEALTH_DELAY_MS    time until GET /health answers (a large one: it never does)
 *   APP_HEALTHY_AFTER_MS   /health answers 503 until this long after the start
 *   APP_CRASH_AFTER_MS     exits this long after the start (0: at once, before listening)
 *   APP_EXIT_CODE          exit code of that crash (default 1)
 *   APP_IGNORE_SIGTERM     1: SIGTERM does nothing
 *   APP_CHILDREN           forks this many children that ignore SIGTERM and live for ever
 *   APP_DETACH_CHILDREN    1: these children lead a session of their own
 *   APP_LOG_BYTES_PER_S    writes this much log for ever, in lines of 100 bytes
 *   APP_LONG_LINE_BYTES    writes one line of this length at the start
 *   APP_LEAK_MB_PER_S      keeps this much more memory each second
 *   APP_ERROR_RATE         0..1: share of requests (not /health) answered with 500
 *   APP_DROP_RATE          0..1: share of requests (not /health) whose connection is cut without an answer
 *   APP_LATENCY_MS         added to each answer (not /health)
 *   APP_LATENCY_MEDIAN_MS  each answer (not /health) takes a lognormal time with this median and sigma 0.6; 2 % take six times as long
 *   APP_LATENCY_FACTOR     times this
 *   APP_FAULT_RATE         0..1: share of requests answered with 500 beyond APP_ERROR_RATE, as far as the next two allow
 *   APP_FAULT_PATH         only on paths that begin with this
 *   APP_FAULT_ONCE         only on the first instance that starts: a file that it creates; whoever finds it is sound
 *   APP_DRAIN_MS           after SIGTERM, longest wait for open requests (default 10000)
 *
 * Paths: `/` and any other: JSON { version, release, instance, pid, count, path } ·
 * /health · /slow?ms=1500 · /status/503 · /env (its environment) · /headers (those it received) · POST /echo (streams the
 * body back) · POST /upload ({ bytes }) · /bytes (sends its header `x-bytes` back) · /sse?ms=100&count=0 (events for ever or `count` of them) · /drop (cuts the
 * connection) · /crash?code=3 · /log?line=text · /call?service=api&path=/ (asks SLUICE_URL_API) ·
 * WebSocket on any path: sends `{"version":…}` first, then echoes every message.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'

const startedAt = Date.now()
const { env } = process
const version = text('VERSION', env.SLUICE_RELEASE ?? 'dev')
const healthStatus = number('HEALTH_STATUS', 200)
const healthDelayMs = number('HEALTH_DELAY_MS', 0)
const healthyAfterMs = number('HEALTHY_AFTER_MS', 0)
const errorRate = number('ERROR_RATE', 0)
const dropRate = number('DROP_RATE', 0)
const latencyMs = number('LATENCY_MS', 0)
const latencyMedianMs = number('LATENCY_MEDIAN_MS', 0)
const latencyFactor = number('LATENCY_FACTOR', 1)
const faultPath = text('FAULT_PATH', '/')
const faultRate = isFaulty(text('FAULT_ONCE', '')) ? number('FAULT_RATE', 0) : 0
const crashAfterMs = number('CRASH_AFTER_MS', -1)
let count = 0
let stopping = false
const upgraded = new Set()

process.stdout.write(`app ${version} started, pid ${process.pid}\n`)
if (crashAfterMs === 0) crash()
if (crashAfterMs > 0) setTimeout(crash, crashAfterMs)
for (let child = 0; child < number('CHILDREN', 0); child++) forkChild()
if (number('LONG_LINE_BYTES', 0) > 0) process.stdout.write(`${'x'.repeat(number('LONG_LINE_BYTES', 0))}\n`)
if (number('LOG_BYTES_PER_S', 0) > 0) fillLog(number('LOG_BYTES_PER_S', 0))
if (number('LEAK_MB_PER_S', 0) > 0) leak(number('LEAK_MB_PER_S', 0))

const server = createServer((request, response) => void answer(request, response))
server.keepAliveTimeout = 75_000
server.on('upgrade', acceptWebSocket)
server.on('error', (error) => {
  process.stderr.write(`${error.stack}\n`)
  process.exit(1)
})
if (number('NEVER_LISTEN', 0) === 1) setInterval(() => {}, 60_000)
else setTimeout(listen, number('LISTEN_DELAY_MS', 0))

process.on('SIGTERM', () => {
  process.stdout.write('SIGTERM\n')
  if (number('IGNORE_SIGTERM', 0) !== 1) stop()
})

function listen() {
  const port = number('PORT', Number(env.PORT ?? 3000))
  server.listen(port, env.HOST ?? '127.0.0.1', () => {
    process.stdout.write(`listening on ${server.address().port}\n`)
  })
}

async function answer(request, response) {
  const url = new URL(request.url, 'http://localhost')
  response.setHeader('x-app-version', version)
  if (stopping) response.setHeader('connection', 'close')
  if (url.pathname === '/health') return health(response)
  count++
  if (Math.random() < dropRate || url.pathname === '/drop') return request.socket.destroy()
  if (latencyMs > 0) await sleep(latencyMs)
  if (latencyMedianMs > 0) await sleep(lognormalMs())
  const share = url.pathname.startsWith(faultPath) ? errorRate + faultRate : errorRate
  if (Math.random() < share) return json(response, 500, { version, error: 'injected' })
  switch (url.pathname) {
    case '/slow':
      await sleep(Number(url.searchParams.get('ms') ?? 1500))
      return json(response, 200, about(url))
    case '/env':
      return json(response, 200, env)
    case '/headers':
      return json(response, 200, request.headers)
    case '/echo':
      response.writeHead(200, { 'content-type': request.headers['content-type'] ?? 'application/octet-stream' })
      return void request.pipe(response)
    case '/upload': {
      let bytes = 0
      for await (const chunk of request) bytes += chunk.length
      return json(response, 200, { version, bytes })
    }
    case '/bytes':
      response.writeHead(200, { 'x-bytes': request.headers['x-bytes'] ?? '' })
      // A text would have Node encode the head with it.
      return void response.end(Buffer.from(version))
    case '/sse':
      return events(request, response, url)
    case '/crash':
      json(response, 200, about(url))
      return void setTimeout(() => process.exit(Number(url.searchParams.get('code') ?? 1)), 20)
    case '/log':
      process.stdout.write(`${url.searchParams.get('line') ?? ''}\n`)
      return json(response, 200, about(url))
    case '/call':
      return call(response, url)
    default: {
      const status = /^\/status\/(\d{3})$/.exec(url.pathname)
      return json(response, status ? Number(status[1]) : 200, about(url))
    }
  }
}

/** Box and Muller; the tail is that of a service with a cold cache. */
function lognormalMs() {
  const normal = Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random())
  return latencyMedianMs * latencyFactor * Math.exp(0.6 * normal) * (Math.random() < 0.02 ? 6 : 1)
}

/** With a file named, only who creates it; instances that start at the same moment agree on one. */
function isFaulty(file) {
  if (file === '') return true
  try {
    writeFileSync(file, '', { flag: 'wx' })
    return true
  } catch {
    return false
  }
}

async function health(response) {
  if (healthDelayMs > 0) await sleep(healthDelayMs)
  const early = Date.now() - startedAt < healthyAfterMs
  json(response, early || stopping ? 503 : healthStatus, { version, stopping })
}

function about(url) {
  return {
    version,
    release: env.SLUICE_RELEASE,
    instance: env.SLUICE_INSTANCE,
    pid: process.pid,
    count,
    path: url.pathname,
  }
}

function json(response, status, body) {
  if (response.destroyed) return
  const noBody = status === 204 || status === 304 || status < 200
  if (noBody) return void response.writeHead(status).end()
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

async function call(response, url) {
  const service = (url.searchParams.get('service') ?? '').toUpperCase().replace(/[^A-Z0-9]/g, '_')
  try {
    const answered = await fetch(new URL(url.searchParams.get('path') ?? '/', env[`SLUICE_URL_${service}`]))
    json(response, 200, { caller: about(url), status: answered.status, body: await answered.text() })
  } catch (error) {
    json(response, 502, { error: String(error) })
  }
}

/** A stream that a stop ends cleanly: the last event is `bye`. */
function events(request, response, url) {
  const limit = Number(url.searchParams.get('count') ?? 0)
  let sent = 0
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  const send = () => {
    if (stopping) return finish('bye')
    response.write(`id: ${++sent}\ndata: ${JSON.stringify({ version, n: sent })}\n\n`)
    if (limit > 0 && sent >= limit) finish()
  }
  const timer = setInterval(send, Number(url.searchParams.get('ms') ?? 100))
  const finish = (last) => {
    clearInterval(timer)
    response.end(last === undefined ? undefined : `event: ${last}\ndata: {}\n\n`)
  }
  response.on('close', () => clearInterval(timer))
  request.resume()
  send()
}

function acceptWebSocket(request, socket) {
  count++
  upgraded.add(socket)
  const accept = createHash('sha1')
    .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64')
  const protocol = request.headers['sec-websocket-protocol']?.split(',')[0]?.trim()
  socket.setNoDelay(true)
  socket.write(
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      `Sec-WebSocket-Accept: ${accept}\r\n${protocol ? `Sec-WebSocket-Protocol: ${protocol}\r\n` : ''}\r\n`,
  )
  socket.write(frame(1, Buffer.from(JSON.stringify({ version, instance: env.SLUICE_INSTANCE }))))
  let pending = Buffer.alloc(0)
  socket.on('data', (chunk) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
    for (let parsed = parseFrame(pending); parsed !== null; parsed = parseFrame(pending)) {
      pending = pending.subarray(parsed.end)
      onFrame(socket, parsed)
    }
  })
  socket.on('error', () => socket.destroy())
  socket.on('close', () => upgraded.delete(socket))
}

function onFrame(socket, { opcode, final, payload }) {
  if (opcode === 8) return void socket.end(frame(8, payload.subarray(0, 2)))
  if (opcode === 9) return void socket.write(frame(10, payload))
  if (opcode === 10) return
  if (!final || opcode === 0) {
    socket.message = Buffer.concat([socket.message ?? Buffer.alloc(0), payload])
    if (opcode !== 0) socket.messageOpcode = opcode
    if (!final) return
    socket.write(frame(socket.messageOpcode, socket.message))
    socket.message = undefined
    return
  }
  socket.write(frame(opcode, payload))
}

/** A client's frame is always masked. Null: not all of it is here yet. */
function parseFrame(data) {
  if (data.length < 6) return null
  const short = data[1] & 127
  const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0
  const head = 2 + lengthBytes + 4
  if (data.length < head) return null
  const length = lengthBytes === 0 ? short : lengthBytes === 2 ? data.readUInt16BE(2) : Number(data.readBigUInt64BE(2))
  if (data.length < head + length) return null
  const mask = data.subarray(head - 4, head)
  const payload = Buffer.from(data.subarray(head, head + length))
  for (let i = 0; i < length; i++) payload[i] ^= mask[i & 3]
  return { opcode: data[0] & 15, final: (data[0] & 128) !== 0, payload, end: head + length }
}

function frame(opcode, payload) {
  const { length } = payload
  const head = Buffer.alloc(length < 126 ? 2 : length < 65536 ? 4 : 10)
  head[0] = 128 | opcode
  head[1] = length < 126 ? length : length < 65536 ? 126 : 127
  if (head.length === 4) head.writeUInt16BE(length, 2)
  if (head.length === 10) head.writeBigUInt64BE(BigInt(length), 2)
  return Buffer.concat([head, payload])
}

/** Open requests are answered, streams end with their last event, WebSockets get 1001. */
function stop() {
  if (stopping) return
  stopping = true
  server.close(() => process.exit(0))
  server.closeIdleConnections()
  setInterval(() => server.closeIdleConnections(), 50).unref()
  for (const socket of upgraded) socket.end(frame(8, Buffer.from([0x03, 0xe9])))
  setTimeout(() => process.exit(0), number('DRAIN_MS', 10_000)).unref()
}

function crash() {
  process.stderr.write('Error: crashed on purpose\n')
  process.exit(number('EXIT_CODE', 1))
}

function forkChild() {
  const loop = "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)"
  const child = spawn(process.execPath, ['-e', loop], {
    stdio: 'ignore',
    detached: number('DETACH_CHILDREN', 0) === 1,
  })
  child.unref()
  process.stdout.write(`child ${child.pid}\n`)
}

function fillLog(bytesPerSecond) {
  const line = `${'log '.repeat(25).slice(0, 99)}\n`
  setInterval(() => process.stdout.write(line.repeat(Math.ceil(bytesPerSecond / 20 / line.length))), 50)
}

function leak(megabytesPerSecond) {
  const kept = []
  setInterval(() => kept.push(Buffer.alloc(megabytesPerSecond * 1024 * 1024, 1)), 1000)
}

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

function text(name, otherwise) {
  const flag = `--${name.toLowerCase().replaceAll('_', '-')}`
  const argument = process.argv.slice(2).find((each) => each === flag || each.startsWith(`${flag}=`))
  if (argument !== undefined) return argument === flag ? '1' : argument.slice(flag.length + 1)
  const value = env[`APP_${name}`]
  return value === undefined || value === '' ? otherwise : value
}

function number(name, otherwise) {
  const value = Number(text(name, otherwise))
  return Number.isFinite(value) ? value : otherwise
}
