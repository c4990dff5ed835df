import { connect, type Socket } from 'node:net'
import { SluiceError } from '../../../model/error.ts'
import { type ResponseEvents, type ResponseHead, ResponseParser } from './response-parser.ts'

/** Who waits for the answer on a connection. */
export interface ResponseSink extends ResponseEvents {
  /** All that has arrived by now was reported. */
  onPause(): void
  /** The application takes more of the request's body. */
  onDrain(): void
  /** The connection ended before the answer did. */
  onLost(error: Error, how: Loss): void
}

/** `refused`: there never was a connection. `broken`: it ended. `malformed`: what came was no answer. */
export type Loss = 'refused' | 'broken' | 'malformed'

/** Applications close idle connections after 5 s by default: never use one that may be closed just now. */
const IDLE_MS = 4000

/** One connection to an application, kept open from request to request. */
export class UpstreamConnection implements ResponseEvents {
  readonly socket: Socket
  readonly #parser: ResponseParser
  readonly #onIdle: (connection: UpstreamConnection) => void
  readonly #onClosed: (connection: UpstreamConnection) => void
  #sink: ResponseSink | null = null
  #isConnected = false
  #requestComplete = false
  idleSince = 0

  constructor(
    address: { readonly host: string; readonly port: number },
    events: {
      readonly onIdle: (connection: UpstreamConnection) => void
      readonly onClosed: (connection: UpstreamConnection) => void
    },
  ) {
    this.#onIdle = events.onIdle
    this.#onClosed = events.onClosed
    this.#parser = new ResponseParser(this)
    this.socket = connect({ host: address.host, port: address.port, noDelay: true })
    this.socket.on('connect', () => {
      this.#isConnected = true
    })
    this.socket.on('data', (data: Buffer) => this.#onData(data))
    this.socket.on('drain', () => this.#sink?.onDrain())
    this.socket.on('end', () => this.#onEnd())
    this.socket.on('error', (error) => this.#lose(error))
    this.socket.on('close', () => {
      this.#lose(new SluiceError('UNEXPECTED', 'the application closed the connection without an answer'))
      this.#onClosed(this)
    })
  }

  isUsable(now: number): boolean {
    return !this.socket.destroyed && this.socket.writable && now - this.idleSince < IDLE_MS
  }

  /** Begins a request: the head, and the whole body when there is none to come. */
  begin(head: string, method: string, sink: ResponseSink, hasBody: boolean): void {
    this.#sink = sink
    this.#requestComplete = !hasBody
    this.#parser.expect(method)
    this.socket.write(head, 'latin1')
  }

  /** True when the application takes more at once; else `onDrain` tells when. */
  write(chunk: Buffer | string): boolean {
    return this.socket.write(chunk as string, 'latin1')
  }

  completeRequest(): void {
    this.#requestComplete = true
    if (this.#sink === null) this.#settle()
  }

  /** Ends the connection; the sink hears nothing any more. */
  abandon(): void {
    this.#sink = null
    this.socket.destroy()
  }

  onHead(head: ResponseHead): void {
    this.#sink?.onHead(head)
  }

  onBody(chunk: Buffer): void {
    this.#sink?.onBody(chunk)
  }

  onEnd(trailers: readonly string[] | null): void {
    const sink = this.#sink
    this.#sink = null
    this.#settle()
    sink?.onEnd(trailers)
  }

  /** An application may answer before it has read the whole request: the connection is free when both are done. */
  #settle(): void {
    if (!this.#requestComplete && !this.socket.destroyed) return
    if (!this.#parser.isReusable || this.socket.destroyed) {
      this.socket.end()
      return
    }
    // A slow client may have paused it with the last bytes of its answer.
    if (this.socket.isPaused()) this.socket.resume()
    this.#onIdle(this)
  }

  #onData(data: Buffer): void {
    try {
      this.#parser.execute(data)
      this.#sink?.onPause()
    } catch (error) {
      this.#lose(error instanceof Error ? error : new Error(String(error)), 'malformed')
      this.socket.destroy()
    }
  }

  #onEnd(): void {
    if (!this.#parser.finish()) this.#lose(new SluiceError('UNEXPECTED', 'the application closed the connection early'))
    this.socket.destroy()
  }

  #lose(error: Error, how: Loss = this.#isConnected ? 'broken' : 'refused'): void {
    const sink = this.#sink
    this.#sink = null
    sink?.onLost(error, how)
  }
}
