import { RELEASE_HEADER, visitorCookie } from '../../assignment.ts'
import type { EdgeAnswerCode } from '../../edge-answers.ts'
import {
  answerAsEdge,
  breakOff,
  type ClientRequest,
  type ClientResponse,
  flushHead,
  writeHead,
} from '../clients/reply.ts'
import type { Core, Entrance, Waiter } from '../core.ts'
import { type Environment, holdOf, type Service } from '../environment.ts'
import { type Backend, type Farewell, type Occupation, pickBackend } from '../instances/backend.ts'
import type { ResponseHead } from '../instances/response-parser.ts'
import type { Loss, ResponseSink, UpstreamConnection } from '../instances/upstream-connection.ts'
import { destinationOf, type Visitor, visitorFor } from './assign.ts'
import { isRefusal } from './refusal.ts'
import { RequestBody } from './request-body.ts'
import { type RequestHead, upstreamHead } from './request-head.ts'
import { serveStaticService } from './static-service.ts'
import { Tally } from './tally.ts'

const MAX_ATTEMPTS = 4
/** Bodies up to this size leave in one write with their head. */
const SMALL_BODY_BYTES = 8192

export interface ExchangeStart {
  readonly core: Core
  readonly request: ClientRequest
  readonly response: ClientResponse
  readonly entrance: Entrance
  readonly environment: Environment
  readonly head: RequestHead
  readonly path: string
  readonly hasBody: boolean
}

/** One request on its way: assignment, perhaps a wait, one or more attempts on instances, the answer. */
export class Exchange implements Occupation, ResponseSink, Waiter {
  readonly environmentName: string
  readonly #core: Core
  readonly #request: ClientRequest
  readonly #response: ClientResponse
  readonly #entrance: Entrance
  readonly #head: RequestHead
  readonly #path: string
  readonly #method: string
  readonly #visitor: Visitor
  readonly #tally: Tally
  readonly #body: RequestBody | null
  #environment: Environment
  #service: Service | null = null
  #backend: Backend | null = null
  #connection: UpstreamConnection | null = null
  #isKeptConnection = false
  #tried: Backend[] | null = null
  #attempts = 0
  #isLastTry = false
  #sentAtMs = 0
  #answer: ResponseHead | null = null
  #firstChunk: Buffer | null = null
  #isHeadSent = false
  #isOver = false
  /** Of an event stream: what was written last. Null: the answer is none. */
  #streamEnd: string | null = null
  #wantsToGo = false
  waitingSinceMs = 0
  seat = -1

  constructor(start: ExchangeStart) {
    this.#core = start.core
    this.#request = start.request
    this.#response = start.response
    this.#entrance = start.entrance
    this.#environment = start.environment
    this.environmentName = start.environment.name
    this.#head = start.head
    this.#path = start.path
    this.#method = start.request.method ?? 'GET'
    this.#visitor = visitorFor(start.core, start.environment, start.head, this.#method)
    this.#tally = new Tally(this.#visitor.known, start.path)
    this.#body = start.hasBody
      ? new RequestBody(start.request, start.head, start.environment.table.limits, (code) => this.#fail(code, true))
      : null
  }

  get limits() {
    return this.#environment.table.limits
  }

  start(): void {
    this.#response.on('close', () => this.#onClientClosed())
    this.#response.on('error', () => {}) // 'close' follows
    this.resume()
  }

  /** Finds an instance by the table of this moment and sends the request to it; also after a wait. */
  resume(): void {
    const environment = this.#core.environment(this.environmentName)
    if (this.#isOver || environment === undefined) return this.#fail('ROUTE_NOT_FOUND')
    this.#environment = environment
    const destination = destinationOf({
      environment,
      entrance: this.#entrance,
      head: this.#head,
      path: this.#path,
      visitor: this.#visitor,
    })
    if (typeof destination === 'string') return this.#fail(destination)
    const { service, isPinned, otherwise } = destination
    const hold = holdOf(environment, service.name)
    if (hold === 'maintenance') return this.#fail('MAINTENANCE')
    if (hold === 'wait') return this.#wait()
    if (service.routed.kind === 'static') return this.#serveStatic(service, isPinned)
    const backend = pickBackend(service.backends, service.turn++, this.#tried ?? [])
    if (backend !== null) return this.#forward(backend, service, isPinned)
    const substitute = otherwise === null ? null : pickBackend(otherwise.backends, otherwise.turn++, this.#tried ?? [])
    if (otherwise !== null && substitute !== null) {
      // The candidate has failed this visitor, even though nobody notices.
      this.#tally.assign(environment, service, service.counter)
      this.#tally.failed()
      return this.#forward(substitute, otherwise, isPinned)
    }
    this.#service = service
    this.#tried = null
    this.#wait()
  }

  giveUp(): void {
    const service = this.#service
    if (service !== null) this.#tally.assign(this.#environment, service, service.counter)
    this.#tally.failed()
    this.#fail('HOLD_TIMEOUT')
  }

  cut(): void {
    if (this.#isOver) return
    const isStream = isEventStream(this.#answer)
    this.#leave()
    if (!this.#isHeadSent) return this.#fail('APP_UNREACHABLE')
    this.#isOver = true
    // An event stream has no end that a client could miss: it connects again.
    if (isStream) this.#response.end()
    else breakOff(this.#response)
  }

  get farewell(): Farewell {
    if (this.#streamEnd === null) return 'none'
    return this.#method === 'GET' ? 'soon' : 'late'
  }

  /** Ends an event stream between two events: its client sees a proper end, and asks again, elsewhere. */
  goAway(): boolean {
    if (this.#streamEnd === null || headerOf(this.#answer, 'content-encoding') !== '') return false
    this.#wantsToGo = true
    this.#endBetweenEvents()
    return true
  }

  #endBetweenEvents(): void {
    if (this.#isOver || this.#firstChunk !== null || !/(?:^|\n\n|\r\r|\n\r\n)$/.test(this.#streamEnd ?? 'x')) return
    this.#flush()
    this.#isOver = true
    this.#leave()
    this.#response.end()
  }

  check(nowMs: number): void {
    if (this.#isOver) return
    const { responseMs } = this.limits
    if (this.#body?.isLate(nowMs)) return this.#fail('REQUEST_TIMEOUT', true)
    const since = Math.max(this.#sentAtMs, this.#body?.lastByteAtMs ?? 0)
    if (this.#answer !== null || responseMs === 0 || nowMs - since <= responseMs) return
    if (this.#body !== null && !this.#body.isComplete) return
    this.#tally.failed()
    this.#fail('APP_TIMEOUT')
  }

  onHead(head: ResponseHead): void {
    this.#answer = head
    this.#tally.answered(head.status)
    if (isEventStream(head)) this.#streamEnd = ''
  }

  onBody(chunk: Buffer): void {
    if (!this.#isHeadSent && this.#firstChunk === null && chunk.length <= SMALL_BODY_BYTES) {
      this.#firstChunk = chunk
      return
    }
    this.#flush()
    this.#write(chunk)
  }

  onPause(): void {
    if (this.#answer !== null && !this.#isOver) this.#flush()
    if (this.#wantsToGo) this.#endBetweenEvents()
  }

  onDrain(): void {
    this.#body?.resume()
  }

  onEnd(trailers: readonly string[] | null): void {
    const connection = this.#connection
    this.#connection = null
    if (this.#body !== null && !this.#body.isComplete) connection?.abandon()
    this.#isOver = true
    const response = this.#response
    // A head that no client may get was made by somebody who may have said more than he should.
    if (!this.#isHeadSent && !this.#sendHead()) return connection?.abandon()
    const last = this.#firstChunk
    this.#firstChunk = null
    if (trailers !== null && response.headersSent) response.addTrailers(headersOf(trailers))
    // As text the body joins the head in one write.
    if (last === null || this.#method === 'HEAD') response.end()
    else response.end(last.toString('latin1', 0, last.length), 'latin1')
    this.#leave()
  }

  onLost(error: Error, how: Loss): void {
    const connected = how !== 'refused'
    this.#connection = null
    const backend = this.#backend
    if (this.#answer !== null) {
      this.#tally.brokeOff()
      backend?.brokeOff()
      this.#leave()
      this.#isOver = true
      this.#flush()
      return breakOff(this.#response)
    }
    this.#tally.failed()
    this.#leave()
    const isRefused = !connected && isRefusal(error)
    if (isRefused && backend !== null) this.#core.refused(backend)
    // An instance that refuses is asked no more until it is healthy: that needs no other bound.
    if (!isRefused) this.#attempts++
    if (how === 'malformed' || !this.#mayTryAgain(connected)) {
      backend?.brokeOff()
      return this.#fail('APP_UNREACHABLE', this.#body !== null)
    }
    const isStale = connected && this.#isKeptConnection
    if (backend !== null && !isStale) (this.#tried ??= []).push(backend)
    const left = this.#service?.backends.some((other) => other.isReady && !this.#tried?.includes(other)) ?? false
    if (connected && !isStale && !left) {
      if (this.#isLastTry) {
        backend?.brokeOff()
        return this.#fail('APP_UNREACHABLE')
      }
      // Whether the instance only dropped this request or has died shows when it is asked again: then the request waits.
      this.#isLastTry = true
      this.#tried = null
    }
    this.resume()
  }

  /** What never reached an application may go to another; what did only if it asks for nothing to be done. */
  #mayTryAgain(connected: boolean): boolean {
    if (this.#isOver || this.#attempts >= MAX_ATTEMPTS) return false
    if (this.#body?.isStarted) return false
    return !connected || this.#method === 'GET' || this.#method === 'HEAD' || this.#method === 'OPTIONS'
  }

  #forward(backend: Backend, service: Service, isPinned: boolean): void {
    if (!isPinned) this.#tally.assign(this.#environment, service, backend.counter)
    this.#service = service
    this.#backend = backend
    backend.enter(this)
    const connection = backend.connection()
    this.#connection = connection
    this.#isKeptConnection = !connection.socket.connecting
    this.#sentAtMs = performance.now()
    const text = upstreamHead({
      method: this.#method,
      path: this.#path,
      head: this.#head,
      clientAddress: this.#request.socket.remoteAddress ?? '',
      isSecure: this.#entrance.isSecure,
    })
    connection.begin(text, this.#method, this, this.#body !== null)
    this.#body?.sendTo(connection)
  }

  #wait(): void {
    if (this.waitingSinceMs === 0) this.waitingSinceMs = performance.now()
    if (!this.#core.wait(this)) this.#fail('HOLD_QUEUE_FULL')
  }

  #serveStatic(service: Service, isPinned: boolean): void {
    if (!isPinned) this.#tally.assign(this.#environment, service, service.counter)
    this.#isHeadSent = true
    const cookie = this.#visitor.setCookie ? this.#cookie() : null
    serveStaticService({ service, request: this.#request, response: this.#response, path: this.#path, cookie }).then(
      (status) => {
        this.#isHeadSent = this.#response.headersSent
        if (status !== null) this.#tally.answered(status)
        else {
          this.#tally.answered(404)
          this.#fail('FILE_NOT_FOUND')
        }
      },
      () => {
        this.#tally.failed()
        this.#fail('APP_UNREACHABLE')
      },
    )
  }

  #flush(): void {
    const isNew = !this.#isHeadSent
    if (isNew) this.#sendHead()
    const first = this.#firstChunk
    this.#firstChunk = null
    if (first !== null) this.#write(first)
    else if (isNew && this.#isHeadSent) flushHead(this.#response)
  }

  #sendHead(): boolean {
    const answer = this.#answer
    if (answer === null || this.#isHeadSent) return true
    this.#isHeadSent = true
    const { headers } = answer
    headers.push(RELEASE_HEADER, this.#service?.release ?? '')
    if (this.#visitor.setCookie) headers.push('set-cookie', this.#cookie())
    if (this.#core.isLeaving) headers.push('connection', 'close')
    try {
      writeHead(this.#response, answer.status, answer.message, headers)
      return true
    } catch {
      // The application sent a header that no client may get.
      this.#isHeadSent = false
      this.#tally.brokeOff()
      this.#fail('APP_UNREACHABLE')
      return false
    }
  }

  #cookie(): string {
    return visitorCookie(this.#visitor.id, { secure: this.#entrance.isSecure })
  }

  #write(chunk: Buffer): void {
    if (this.#isOver) return
    if (this.#streamEnd !== null)
      this.#streamEnd = (this.#streamEnd + chunk.toString('latin1', chunk.length - 3)).slice(-3)
    if (this.#response.write(chunk)) return
    const connection = this.#connection
    connection?.socket.pause()
    this.#response.once('drain', () => {
      if (this.#connection === connection) connection?.socket.resume()
    })
  }

  #onClientClosed(): void {
    if (this.#isOver) return
    this.#isOver = true
    // Files are answered elsewhere: their end is no abort. A stream of HTTP/2 that was reset counts as finished, but not as ended.
    if (this.#response.writableEnded && this.#response.writableFinished) return
    this.#core.stopWaiting(this)
    this.#connection?.abandon()
    this.#connection = null
    this.#tally.givenUp()
    this.#leave()
  }

  #leave(): void {
    const backend = this.#backend
    if (backend === null) return
    this.#backend = null
    this.#connection?.abandon()
    this.#connection = null
    backend.leave(this)
    this.#core.left(backend)
  }

  #fail(code: EdgeAnswerCode, close = false): void {
    if (this.#isOver && this.#response.writableEnded) return
    this.#isOver = true
    this.#tally.givenUp()
    this.#leave()
    answerAsEdge(this.#response, code, {
      accept: this.#head.accept,
      method: this.#method,
      close,
    })
  }
}

function isEventStream(head: ResponseHead | null): boolean {
  return headerOf(head, 'content-type').startsWith('text/event-stream')
}

function headerOf(head: ResponseHead | null, wanted: string): string {
  const headers = head?.headers ?? []
  const at = headers.findIndex((name, index) => index % 2 === 0 && name.toLowerCase() === wanted)
  return at < 0 ? '' : (headers[at + 1] ?? '')
}

function headersOf(flat: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {}
  for (let i = 0; i < flat.length; i += 2) headers[flat[i] ?? ''] = flat[i + 1] ?? ''
  return headers
}
