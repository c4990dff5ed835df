import type { EdgeAnswerCode } from '../../edge-answers.ts'
import type { EdgeLimits } from '../../edge-settings.ts'
import type { ClientRequest } from '../clients/reply.ts'
import type { UpstreamConnection } from '../instances/upstream-connection.ts'
import type { RequestHead } from './request-head.ts'

/** The body of a request on its way to the application, no faster than it takes it and no more than is allowed. */
export class RequestBody {
  readonly #request: ClientRequest
  readonly #limits: EdgeLimits
  readonly #isChunked: boolean
  readonly #onFault: (code: EdgeAnswerCode) => void
  #connection: UpstreamConnection | null = null
  #bytes = 0
  #isPaused = false
  isStarted = false
  isComplete = false
  lastByteAtMs = 0

  constructor(request: ClientRequest, head: RequestHead, limits: EdgeLimits, onFault: (code: EdgeAnswerCode) => void) {
    this.#request = request
    this.#limits = limits
    this.#isChunked = head.contentLength < 0
    this.#onFault = onFault
  }

  /** Nothing is taken from the client before the application has accepted the connection: until then another may get it. */
  sendTo(connection: UpstreamConnection): void {
    this.#connection = connection
    if (!connection.socket.connecting) return this.#begin(connection)
    connection.socket.once('connect', () => {
      if (this.#connection === connection) this.#begin(connection)
    })
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.lastByteAtMs = performance.now()
    this.#request.resume()
  }

  isLate(nowMs: number): boolean {
    if (!this.isStarted || this.isComplete || this.#isPaused) return false
    return nowMs - this.lastByteAtMs > this.#limits.bodyIdleMs
  }

  #begin(connection: UpstreamConnection): void {
    this.isStarted = true
    this.lastByteAtMs = performance.now()
    this.#request.on('data', (chunk: Buffer) => this.#send(connection, chunk))
    this.#request.on('end', () => this.#end(connection))
  }

  #send(connection: UpstreamConnection, chunk: Buffer): void {
    this.#bytes += chunk.length
    this.lastByteAtMs = performance.now()
    const { bodyBytes } = this.#limits
    if (bodyBytes > 0 && this.#bytes > bodyBytes) return this.#onFault('BODY_TOO_LARGE')
    if (connection.socket.destroyed) return
    let takesMore: boolean
    if (this.#isChunked) {
      connection.socket.cork()
      connection.write(`${chunk.length.toString(16)}\r\n`)
      connection.write(chunk)
      takesMore = connection.write('\r\n')
      connection.socket.uncork()
    } else takesMore = connection.write(chunk)
    if (takesMore) return
    this.#isPaused = true
    this.#request.pause()
  }

  #end(connection: UpstreamConnection): void {
    this.isComplete = true
    this.lastByteAtMs = performance.now()
    if (connection.socket.destroyed) return
    if (this.#isChunked) connection.write(`0\r\n${this.#trailers()}\r\n`)
    connection.completeRequest()
  }

  #trailers(): string {
    const { rawTrailers } = this.#request
    let lines = ''
    for (let i = 0; i < rawTrailers.length; i += 2) lines += `${rawTrailers[i]}: ${rawTrailers[i + 1]}\r\n`
    return lines
  }
}
