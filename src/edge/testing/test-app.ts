import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import type { RoutedInstance } from '../edge.ts'

/** A real HTTP server that answers everything the contract asks an application for. */
export interface TestApp {
  readonly instance: RoutedInstance
  readonly release: string
  /** Answers of `/health`; `ok` may be changed at any time. */
  readonly health: { ok: boolean; checks: number }
  /** What arrived, oldest first, without health checks. */
  readonly seen: Seen[]
  /** Times a client went away before its answer was complete. */
  aborted: number
  /** Answers that are held back until `release()`, path `/gate`. */
  readonly gate: { open(): void }
  /** Ends every open event stream with a last event, as an application does that is told to stop. */
  endStreams(): void
  readonly sockets: ReadonlySet<WebSocket>
  /** Stops listening and cuts all connections, as a crash would. */
  kill(): Promise<void>
  /** Listens again on the same port. */
  revive(): Promise<void>
}

export interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly rawHeaders: readonly string[]
}

export async function startTestApp(options: {
  readonly id: string
  readonly release: string
  readonly port?: number
}): Promise<TestApp> {
  const { id, release } = options
  const gates: (() => void)[] = []
  const streams = new Set<() => void>()
  const connections = new Set<Socket>()
  const webSockets = new WebSocketServer({ noServer: true, handleProtocols: (names) => [...names][0] ?? false })
  const handler = (request: IncomingMessage, response: ServerResponse) => {
    if (request.url === '/health') {
      app.health.checks++
      response.writeHead(app.health.ok ? 200 : 500).end()
      return
    }
    app.seen.push({
      method: request.method ?? '',
      url: request.url ?? '',
      headers: request.headers,
      rawHeaders: request.rawHeaders,
    })
    response.on('close', () => {
      if (!response.writableFinished) app.aborted++
    })
    answer(request, response, { id, release, gates, streams })
  }
  const start = () => listen(handler, app.instance.port)
  const app: TestApp & { instance: RoutedInstance } = {
    instance: { id, host: '127.0.0.1', port: options.port ?? 0 },
    release,
    health: { ok: true, checks: 0 },
    seen: [],
    aborted: 0,
    gate: { open: () => gates.splice(0).forEach((open) => open()) },
    endStreams: () => [...streams].forEach((end) => end()),
    sockets: webSockets.clients,
    async kill() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const connection of connections) connection.destroy()
      await closed
    },
    async revive() {
      server = await start()
      watch(server)
    },
  }
  let server = await start()
  watch(server)
  app.instance = { ...app.instance, port: (server.address() as AddressInfo).port }
  return app

  function watch(listening: Server) {
    listening.on('connection', (socket: Socket) => {
      connections.add(socket)
      socket.on('close', () => connections.delete(socket))
    })
    listening.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      app.seen.push({ method: 'GET', url: request.url ?? '', headers: request.headers, rawHeaders: request.rawHeaders })
      if (request.url?.startsWith('/ws/refused')) {
        socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 4\r\nX-Reason: token\r\n\r\nnope')
        return
      }
      webSockets.handleUpgrade(request, socket, head, (webSocket) => converse(webSocket, `${release} ${id}`))
    })
  }
}

function listen(handler: (request: IncomingMessage, response: ServerResponse) => void, port: number): Promise<Server> {
  const server = createServer({ keepAliveTimeout: 60_000 }, handler)
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => resolve(server))
  })
}

function converse(webSocket: WebSocket, name: string): void {
  webSocket.on('error', () => {})
  webSocket.on('message', (data: Buffer, isBinary) => {
    const text = isBinary ? '' : data.toString()
    if (text === 'who') webSocket.send(name)
    else if (text.startsWith('close ')) webSocket.close(Number(text.slice(6)), 'as asked')
    else if (text === 'die') webSocket.terminate()
    else webSocket.send(data, { binary: isBinary })
  })
}

interface Self {
  readonly id: string
  readonly release: string
  readonly gates: (() => void)[]
  readonly streams: Set<() => void>
}

function answer(request: IncomingMessage, response: ServerResponse, { id, release, gates, streams }: Self): void {
  const url = new URL(request.url ?? '/', 'http://app')
  const [, verb = '', argument = ''] = url.pathname.split('/')
  switch (verb) {
    case 'raw':
      // What no framework would send.
      request.socket.write(Buffer.from(argument, 'base64url'))
      return
    case 'spoof':
      response.writeHead(500, { 'x-sluice-error': 'HOLD_TIMEOUT', 'x-sluice-release': 'r9' }).end('own')
      return
    case 'headers':
      response.writeHead(200, Object.fromEntries(Array.from({ length: Number(argument) }, (_, i) => [`x-${i}`, 'y'])))
      response.end('fine')
      return
    case 'status':
      response.writeHead(Number(argument), { 'x-instance': id }).end(Number(argument) === 200 ? 'fine' : undefined)
      return
    case 'cookies':
      response.setHeader('set-cookie', ['a=1; Path=/', 'b=2; Path=/'])
      response.end('two')
      return
    case 'hop':
      response.writeHead(200, { connection: 'keep-alive, x-secret-hop', 'x-secret-hop': '1', 'x-kept': '1' }).end('hop')
      return
    case 'slow':
      setTimeout(() => response.end(`${release} ${id}`), Number(argument))
      return
    case 'gate':
      gates.push(() => response.end(`${release} ${id}`))
      return
    case 'sse':
      sendEvents(response, url, streams)
      return
    case 'drop':
      request.socket.destroy()
      return
    case 'begin':
      response.writeHead(200, { 'content-length': 1000 })
      response.write('the beginning')
      return
    case 'break':
      response.writeHead(200, { 'content-length': 1000 })
      response.write('the beginning')
      setTimeout(() => request.socket.destroy(), 20)
      return
    case 'upload':
      receive(request, response)
      return
    case 'large':
      sendLarge(response, Number(argument))
      return
    case 'trailers':
      response.writeHead(200, { trailer: 'x-checksum' })
      response.write('body')
      response.addTrailers({ 'x-checksum': 'abc' })
      response.end()
      return
    case 'deaf':
      return
    default:
      request.resume()
      request.on('end', () => {
        const body = JSON.stringify({ release, id, method: request.method, url: request.url, headers: request.headers })
        response.writeHead(200, { 'content-type': 'application/json', 'x-app': 'yes' }).end(body)
      })
  }
}

/** `count` events `everyMs` apart, then the end; without a count for ever. */
function sendEvents(response: ServerResponse, url: URL, streams: Set<() => void>): void {
  const count = Number(url.searchParams.get('count') ?? Infinity)
  const everyMs = Number(url.searchParams.get('every') ?? 100)
  let sent = 0
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const send = () => {
    response.write(`data: ${sent++}\n\n`)
    if (sent >= count) response.end()
    else timer = setTimeout(send, everyMs)
  }
  let timer: NodeJS.Timeout | undefined
  const end = () => response.end('event: bye\ndata: \n\n')
  streams.add(end)
  response.on('close', () => {
    clearTimeout(timer)
    streams.delete(end)
  })
  send()
}

function receive(request: IncomingMessage, response: ServerResponse): void {
  const hash = createHash('sha256')
  let bytes = 0
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    hash.update(chunk)
  })
  request.on('end', () =>
    response.end(JSON.stringify({ bytes, sha256: hash.digest('hex'), trailers: request.trailers })),
  )
}

function sendLarge(response: ServerResponse, bytes: number): void {
  let left = bytes
  const chunk = Buffer.alloc(64 * 1024, 'x')
  const more = () => {
    while (left > 0) {
      const part = left >= chunk.length ? chunk : chunk.subarray(0, left)
      left -= part.length
      if (!response.write(part)) {
        response.once('drain', more)
        return
      }
    }
    response.end()
  }
  more()
}
