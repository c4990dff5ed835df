import type { Socket } from 'node:net'
import type { Seated } from '../seats.ts'
import { rawAnswer } from './reply.ts'

export interface ClientLimits {
  readonly headersMs: number
  readonly keepAliveMs: number
}

/** One connection of a client: busy with requests, idle between them, or in the middle of a request head. */
export class ClientConnection implements Seated {
  readonly socket: Socket
  /** Set when the client speaks HTTP/2: it also sends what belongs to no request. */
  session: { close(): void } | null = null
  seat = -1
  /** Requests and tunnels now. */
  #active = 0
  /** Bytes read when the connection became idle: more means that a head is arriving. */
  #idleBytes = 0
  #idleSinceMs = performance.now()
  #headSinceMs = 0

  constructor(socket: Socket) {
    this.socket = socket
  }

  begin(): void {
    this.#active++
    this.#headSinceMs = 0
  }

  end(): void {
    this.#active--
    this.settle()
  }

  /** What was read until now does not count as the beginning of a request. */
  settle(): void {
    this.#idleBytes = this.socket.bytesRead
    this.#idleSinceMs = performance.now()
    this.#headSinceMs = 0
  }

  get isIdle(): boolean {
    return this.#active === 0
  }

  /** Called several times a second: cheaper than timers that each request would start and stop. */
  check(nowMs: number, limits: ClientLimits): void {
    if (this.#active > 0) return
    const { bytesRead } = this.socket
    if (this.session !== null) {
      if (bytesRead > this.#idleBytes) this.settle()
      else if (nowMs - this.#idleSinceMs > limits.keepAliveMs) this.session.close()
      return
    }
    if (bytesRead > this.#idleBytes) {
      if (this.#headSinceMs === 0) this.#headSinceMs = nowMs
      else if (nowMs - this.#headSinceMs > limits.headersMs) this.#refuse()
      return
    }
    const limitMs = bytesRead === 0 ? limits.headersMs : limits.keepAliveMs
    if (nowMs - this.#idleSinceMs > limitMs) this.socket.destroy()
  }

  #refuse(): void {
    this.socket.write(rawAnswer('REQUEST_TIMEOUT'))
    this.socket.destroySoon()
  }
}
