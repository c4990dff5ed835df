/**
 * HAProxy says nothing about a request on a kept client connection whose app drops the connection: no log line, no
 * counter. But each request is numbered at its assignment, so what is neither logged nor in flight was lost.
 */
export interface Reading {
  /** Requests assigned so far, from the stick table. */
  readonly assigned: number
  readonly inFlight: number
  /** When the reading was complete, Unix milliseconds. */
  readonly atMs: number
}

interface Open {
  readonly reading: Reading
  /** Lines that came after the reading but tell of requests that it did not count or counted as in flight. */
  later: number
}

/** The clocks of both processes are the same, their roundings are not. */
const CLOCK_SLACK_MS = 2

export class HiddenLosses {
  #logged = 0
  #reported = 0
  #open: Open | null = null

  /** `already`: requests that were assigned before anybody counted lines. */
  constructor(already = 0) {
    this.#logged = already
  }

  line(sequence: number, endedAtMs: number): void {
    this.#logged++
    const open = this.#open
    if (open === null) return
    if (sequence > open.reading.assigned || endedAtMs > open.reading.atMs + CLOCK_SLACK_MS) open.later++
  }

  read(reading: Reading): void {
    this.#open = { reading, later: 0 }
  }

  /**
   * New losses as of the last reading; to be called when all lines from before it must have arrived. It may miss the
   * last few for a while, but never names one that did not happen, and never names one twice.
   */
  settle(): number {
    const open = this.#open
    if (open === null) return 0
    this.#open = null
    const lost = open.reading.assigned - (this.#logged - open.later) - open.reading.inFlight
    const fresh = Math.max(0, lost - this.#reported)
    this.#reported += fresh
    return fresh
  }
}
