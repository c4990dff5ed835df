import { createServer as createHttpServer, type Server as HttpServer } from 'node:http'
import { createServer as createHttp2Server, type Http2Server, type ServerHttp2Session } from 'node:http2'
import { createServer, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from 'node:tls'
import { SluiceError } from '../../../model/error.ts'
import { howToBind } from '../../../support/privileged-port.ts'
import type { EdgeLimits } from '../../edge-settings.ts'
import { Seats } from '../seats.ts'
import type { Certificates } from './certificates.ts'
import { ClientConnection } from './client-connection.ts'
import { type ClientRequest, type ClientResponse, rawAnswer } from './reply.ts'

export interface ListenerHandlers {
  onRequest(request: ClientRequest, response: ClientResponse): void
  onUpgrade(request: ClientRequest, socket: Duplex, early: Buffer): void
}

export interface ListenerSettings {
  readonly port: number
  /** Absent: all addresses of the machine. */
  readonly host?: string
  readonly isSecure: boolean
  readonly certificates: Certificates
  /** Descriptor of a socket that listens already: inherited from the edge process before this one. */
  readonly descriptor?: number
}

/**
 * One port. The socket belongs to a server of its own that only hands connections on, so that listening can end,
 * or pass to another process, without touching any connection.
 */
export class Listener {
  readonly settings: ListenerSettings
  readonly #handlers: ListenerHandlers
  readonly #socketServer: Server
  #http: HttpServer
  #http2: Http2Server
  readonly #tls: TlsServer | null
  readonly #clients = new Seats<ClientConnection>()
  readonly #bySocket = new WeakMap<object, ClientConnection>()
  #limits: EdgeLimits

  constructor(settings: ListenerSettings, limits: EdgeLimits, handlers: ListenerHandlers) {
    this.settings = settings
    this.#limits = limits
    this.#handlers = handlers
    this.#http = this.#httpServer()
    this.#http2 = this.#http2Server()
    this.#tls = settings.isSecure ? this.#tlsServer() : null
    this.#socketServer = createServer(
      { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 },
      (socket) => this.#onConnection(socket),
    )
  }

  set limits(limits: EdgeLimits) {
    const isOther = limits.headerBytes !== this.#limits.headerBytes
    this.#limits = limits
    if (!isOther) return
    // Parsers know the size of heads from their server: new connections get those of a new one.
    this.#http = this.#httpServer()
    this.#http2 = this.#http2Server()
  }

  get connections(): number {
    return this.#clients.size
  }

  get hasRequests(): boolean {
    return this.#clients.all().some((client) => !client.isIdle)
  }

  /** Throws `PORT_TAKEN`. */
  listen(): Promise<void> {
    const { port, host, descriptor } = this.settings
    return new Promise((resolve, reject) => {
      this.#socketServer.once('error', (error: NodeJS.ErrnoException) => {
        const hint = error.code === 'EACCES' ? howToBind(port) : 'choose another port or stop its owner'
        reject(new SluiceError('PORT_TAKEN', `port ${port} cannot be opened: ${error.message}`, { hint, cause: error }))
      })
      const backlog = 4096
      if (descriptor === undefined)
        this.#socketServer.listen({ port, backlog, ...(host === undefined ? {} : { host }) }, resolve)
      else this.#socketServer.listen({ fd: descriptor, backlog }, resolve)
    })
  }

  /** For the next process to inherit. */
  get descriptor(): number {
    const { _handle } = this.#socketServer as Server & { _handle?: { fd: number } }
    return _handle?.fd ?? -1
  }

  /** Takes no new connections; those that are open stay. */
  stopListening(): void {
    this.#socketServer.close()
  }

  check(nowMs: number): void {
    for (const client of this.#clients.all()) client.check(nowMs, this.#limits)
  }

  /** Cuts everything: the process is about to end. */
  destroy(): void {
    this.stopListening()
    for (const client of this.#clients.all()) client.socket.destroy()
  }

  /** HTTP/2 clients learn at once that they should connect again; nothing in flight is lost by it. */
  sayGoodbye(): void {
    for (const { session } of this.#clients.all()) session?.close()
  }

  #onConnection(socket: Socket): void {
    if (this.#clients.size >= this.#limits.connections) {
      socket.destroy()
      return
    }
    const client = new ClientConnection(socket)
    this.#clients.add(client)
    this.#bySocket.set(socket, client)
    socket.on('close', () => this.#clients.delete(client))
    socket.on('error', () => socket.destroy())
    if (this.#tls === null) this.#http.emit('connection', socket)
    else this.#tls.emit('connection', socket)
  }

  #httpServer(): HttpServer {
    const server = createHttpServer({
      maxHeaderSize: this.#limits.headerBytes,
      requireHostHeader: false,
      // All time limits are kept by `check`: timers per request would cost more than the requests' routing.
      keepAliveTimeout: 0,
      headersTimeout: 0,
      requestTimeout: 0,
      // Clients that would like HTTP/2 in the clear get an ordinary answer, not a tunnel.
      shouldUpgradeCallback: (request) => request.headers.upgrade?.toLowerCase() !== 'h2c',
    })
    server.timeout = 0
    server.maxHeadersCount = 0
    server.on('request', (request, response) => this.#onRequest(request, response))
    server.on('upgrade', (request, socket, early) => this.#onUpgrade(request, socket, early))
    server.on('connect', (_, socket) => socket.end(rawAnswer('BAD_REQUEST')))
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      if (socket.destroyed || !socket.writable || error.code === 'ECONNRESET') {
        socket.destroy()
        return
      }
      socket.end(rawAnswer(error.code === 'HPE_HEADER_OVERFLOW' ? 'HEADERS_TOO_LARGE' : 'BAD_REQUEST'))
    })
    return server
  }

  #http2Server(): Http2Server {
    const server = createHttp2Server({ settings: { maxHeaderListSize: this.#limits.headerBytes } })
    server.on('request', (request, response) => {
      const session = request.stream?.session
      const client = session == null ? undefined : this.#bySocket.get(session)
      this.#count(client, response as unknown as ClientResponse)
      this.#handlers.onRequest(request as unknown as ClientRequest, response as unknown as ClientResponse)
    })
    server.on('sessionError', () => {})
    server.setTimeout(0)
    return server
  }

  #tlsServer(): TlsServer {
    const { certificates } = this.settings
    const server = createTlsServer({
      ALPNProtocols: ['h2', 'http/1.1'],
      SNICallback: (name, done) => done(null, certificates.contextFor(name)),
      allowHalfOpen: true,
    })
    // Clients that name no host get the first certificate.
    certificates.onFirst(({ cert, key }) => server.setSecureContext({ cert, key, minVersion: 'TLSv1.2' }))
    server.on('secureConnection', (socket) => this.#onSecureConnection(socket))
    server.on('tlsClientError', (_, socket) => socket.destroy())
    return server
  }

  #onSecureConnection(socket: TLSSocket): void {
    const parent = (socket as TLSSocket & { _parent?: Socket })._parent
    const client = parent === undefined ? undefined : this.#bySocket.get(parent)
    client?.settle()
    if (client !== undefined) this.#bySocket.set(socket, client)
    if (socket.alpnProtocol !== 'h2') {
      this.#http.emit('connection', socket)
      return
    }
    this.#http2.once('session', (session: ServerHttp2Session) => {
      if (client === undefined) return
      client.session = session
      this.#bySocket.set(session, client)
    })
    this.#http2.emit('connection', socket)
  }

  #onRequest(request: ClientRequest, response: ClientResponse): void {
    this.#count(this.#bySocket.get(request.socket), response)
    this.#handlers.onRequest(request, response)
  }

  #onUpgrade(request: ClientRequest, socket: Duplex, early: Buffer): void {
    this.#bySocket.get(socket)?.begin()
    this.#handlers.onUpgrade(request, socket, early)
  }

  #count(client: ClientConnection | undefined, response: ClientResponse): void {
    if (client === undefined) return
    client.begin()
    response.on('close', () => client.end())
  }
}
