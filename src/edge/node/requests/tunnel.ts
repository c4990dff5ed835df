import { connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { RELEASE_HEADER } from '../../assignment.ts'
import type { EdgeAnswerCode } from '../../edge-answers.ts'
import { type ClientRequest, rawAnswer } from '../clients/reply.ts'
import type { Core, Entrance, Waiter } from '../core.ts'
import { type Environment, holdOf, type Service } from '../environment.ts'
import { type Backend, type Farewell, type Occupation, pickBackend } from '../instances/backend.ts'
import { destinationOf, type Visitor, visitorFor } from './assign.ts'
import { closeFrame, FrameBoundaries } from './frame-boundaries.ts'
import { isRefusal } from './refusal.ts'
import { type RequestHead, upstreamHead } from './request-head.ts'
import { Tally } from './tally.ts'

const SERVICE_RESTART = 1012
/** A client that was told to go has this long to answer with its own close frame. */
const GOODBYE_MS = 3000
const MAX_HEAD_BYTES = 64 * 1024
const MAX_ATTEMPTS = 3

/** An upgraded connection: after the handshake bytes pass both ways untouched, but for a close frame of ours at a drain. */
export class Tunnel implements Occupation, Waiter {
  readonly environmentName: string
  readonly #core: Core
  readonly #request: ClientRequest
  readonly #client: Duplex
  readonly #entrance: Entrance
  readonly #head: RequestHead
  readonly #visitor: Visitor
  readonly #tally: Tally
  readonly #frames = new FrameBoundaries()
  #environment: Environment
  #early: Buffer
  #service: Service | null = null
  #backend: Backend | null = null
  #app: Socket | null = null
  #answer = Buffer.alloc(0)
  #isOpen = false
  #isOver = false
  #attempts = 0
  #wantsToGo = false
  #saidGoodbyeAtMs = 0
  #sentAtMs = 0
  waitingSinceMs = 0
  seat = -1

  constructor(start: {
    readonly core: Core
    readonly request: ClientRequest
    readonly client: Duplex
    readonly early: Buffer
    readonly entrance: Entrance
    readonly environment: Environment
    readonly head: RequestHead
  }) {
    this.#core = start.core
    this.#request = start.request
    this.#client = start.client
    this.#early = start.early
    this.#entrance = start.entrance
    this.#environment = start.environment
    this.environmentName = start.environment.name
    this.#head = start.head
    this.#visitor = visitorFor(start.core, start.environment, start.head, 'UPGRADE')
    this.#tally = new Tally(this.#visitor.known, start.request.url ?? '/')
  }

  get limits() {
    return this.#environment.table.limits
  }

  start(): void {
    this.#client.on('error', () => {}) // 'close' follows
    this.#client.on('close', () => this.#onClientClosed())
    this.resume()
  }

  resume(): void {
    const environment = this.#core.environment(this.environmentName)
    if (environment === undefined) return this.#fail('ROUTE_NOT_FOUND')
    this.#environment = environment
    const path = this.#request.url ?? '/'
    const destination = destinationOf({
      environment,
      entrance: this.#entrance,
      head: this.#head,
      path,
      visitor: this.#visitor,
    })
    if (typeof destination === 'string') return this.#fail(destination)
    const { service, isPinned, otherwise } = destination
    const hold = holdOf(environment, service.name)
    if (hold === 'maintenance') return this.#fail('MAINTENANCE')
    if (service.routed.kind === 'static') return this.#fail('ROUTE_NOT_FOUND')
    const backend =
      hold === 'wait'
        ? null
        : (pickBackend(service.backends, service.turn++) ?? pickBackend(otherwise?.backends ?? [], service.turn))
    this.#service = service
    if (backend !== null) return this.#connect(backend, service, isPinned)
    if (this.waitingSinceMs === 0) this.waitingSinceMs = performance.now()
    if (!this.#core.wait(this)) this.#fail('HOLD_QUEUE_FULL')
  }

  giveUp(): void {
    this.#fail('HOLD_TIMEOUT')
  }

  get farewell(): Farewell {
    return this.#isOpen ? 'soon' : 'none'
  }

  cut(): void {
    this.#end()
  }

  /** Says `1012 service restart` between two frames of the application; the client connects again, elsewhere. */
  goAway(): boolean {
    if (!this.#isOpen || !this.#isWebSocket) return false
    this.#wantsToGo = true
    if (this.#frames.isAtBoundary) this.#sayGoodbye()
    return true
  }

  check(nowMs: number): void {
    if (this.#saidGoodbyeAtMs > 0 && nowMs - this.#saidGoodbyeAtMs > GOODBYE_MS) this.#end()
    const { responseMs } = this.limits
    if (this.#isOpen || this.#isOver || responseMs === 0 || nowMs - this.#sentAtMs <= responseMs) return
    this.#tally.failed()
    this.#fail('APP_TIMEOUT')
  }

  get #isWebSocket(): boolean {
    return /^websocket$/i.test(this.#request.headers.upgrade ?? '')
  }

  #connect(backend: Backend, service: Service, isPinned: boolean): void {
    if (!isPinned) this.#tally.assign(this.#environment, service, backend.counter)
    this.#backend = backend
    backend.enter(this)
    this.#sentAtMs = performance.now()
    const app = connect({ host: backend.instance.host, port: backend.instance.port, noDelay: true })
    this.#app = app
    let isConnected = false
    app.on('connect', () => {
      isConnected = true
      const extra = `Connection: Upgrade\r\nUpgrade: ${this.#request.headers.upgrade ?? ''}\r\n`
      const text = upstreamHead({
        method: this.#request.method ?? 'GET',
        path: this.#request.url ?? '/',
        head: this.#head,
        clientAddress: this.#request.socket.remoteAddress ?? '',
        isSecure: this.#entrance.isSecure,
        extra,
      })
      app.write(text, 'latin1')
    })
    app.on('data', (data) => this.#onAppData(data))
    app.on('drain', () => this.#client.resume())
    app.on('end', () => (this.#isOpen ? this.#client.end() : undefined))
    app.on('error', (error) => {
      if (!isConnected && isRefusal(error)) this.#core.refused(backend)
    })
    app.on('close', () => {
      if (this.#app === app) this.#onAppClosed(isConnected)
    })
  }

  #onAppData(data: Buffer): void {
    if (this.#isOpen) return this.#toClient(data)
    this.#answer = Buffer.concat([this.#answer, data])
    const end = this.#answer.indexOf('\r\n\r\n')
    if (end < 0) {
      if (this.#answer.length > MAX_HEAD_BYTES) this.#app?.destroy()
      return
    }
    const head = this.#answer.toString('latin1', 0, end)
    const rest = this.#answer.subarray(end + 4)
    const status = Number(/^HTTP\/1\.[01] ([1-9]\d\d)/.exec(head)?.[1] ?? 0)
    // Not HTTP: what ends a connection that has begun is no answer.
    if (status === 0) return void this.#app?.destroy()
    this.#tally.answered(status)
    const isUpgraded = status === 101
    const own = head.replace(/\r\nx-sluice-[^\r]*/gi, '')
    // A refusal passes as it is; its end is the end of the connection, as the client's next request needs a parser again.
    const lines = isUpgraded ? own : `${own.replace(/\r\n(?:connection|keep-alive):[^\r]*/gi, '')}\r\nConnection: close`
    this.#client.write(`${lines}\r\n${RELEASE_HEADER}: ${this.#service?.release}\r\n\r\n`, 'latin1')
    if (!isUpgraded) return this.#passRefusal(head, rest)
    this.#isOpen = true
    this.#client.on('data', (chunk: Buffer) => this.#toApp(chunk))
    this.#client.on('drain', () => this.#app?.resume())
    this.#client.on('end', () => this.#app?.end())
    if (this.#early.length > 0) this.#toApp(this.#early)
    if (rest.length > 0) this.#toClient(rest)
  }

  #passRefusal(head: string, rest: Buffer): void {
    const app = this.#app
    this.#app = null
    let left = Number(/\r\ncontent-length:\s*(\d+)/i.exec(head)?.[1] ?? Number.POSITIVE_INFINITY)
    const pass = (data: Buffer) => {
      left -= data.length
      this.#client.write(data)
      if (left <= 0) finish()
    }
    const finish = () => {
      app?.destroy()
      this.#client.end()
      this.#leave()
    }
    app?.removeAllListeners('data').on('data', pass).on('close', finish)
    pass(rest)
  }

  #toClient(data: Buffer): void {
    if (this.#saidGoodbyeAtMs > 0) return
    const boundary = this.#frames.push(data)
    if (!this.#wantsToGo || boundary < 0) {
      if (!this.#client.write(data)) this.#app?.pause()
      return
    }
    this.#client.write(data.subarray(0, boundary))
    this.#sayGoodbye()
  }

  #toApp(data: Buffer): void {
    if (this.#app?.write(data) === false) this.#client.pause()
    // The client has answered our close frame with its own, and the application got it.
    if (this.#saidGoodbyeAtMs > 0) this.#client.end()
  }

  #sayGoodbye(): void {
    if (this.#saidGoodbyeAtMs > 0 || this.#frames.isClosing) return
    this.#saidGoodbyeAtMs = performance.now()
    this.#client.write(closeFrame(SERVICE_RESTART, 'service restart'))
  }

  #onAppClosed(isConnected: boolean): void {
    this.#app = null
    const wasClosed = this.#frames.isClosing || this.#saidGoodbyeAtMs > 0
    if (this.#isOpen && !this.#isOver && this.#isWebSocket && !wasClosed) this.#backend?.brokeOff()
    if (this.#isOpen || this.#isOver) return this.#end(true)
    this.#tally.failed()
    this.#leave()
    if (isConnected || ++this.#attempts >= MAX_ATTEMPTS) return this.#fail('APP_UNREACHABLE')
    this.resume()
  }

  #onClientClosed(): void {
    if (!this.#isOpen) this.#tally.givenUp()
    this.#core.stopWaiting(this)
    this.#end()
  }

  /** Both sides end; without a close frame the client sees 1006. `gently`: the client still gets what was sent. */
  #end(gently = false): void {
    this.#isOver = true
    this.#app?.destroy()
    this.#app = null
    if (gently) this.#client.end(() => this.#client.destroy())
    else this.#client.destroy()
    this.#leave()
  }

  #leave(): void {
    const backend = this.#backend
    if (backend === null) return
    this.#backend = null
    backend.leave(this)
    this.#core.left(backend)
  }

  #fail(code: EdgeAnswerCode): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#app?.destroy()
    this.#app = null
    this.#leave()
    this.#client.end(rawAnswer(code))
  }
}
