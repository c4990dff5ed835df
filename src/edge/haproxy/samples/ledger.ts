/**
 * Which requests of a backend were assigned, answered, are under way, or were lost. HAProxy numbers requests at their
 * assignment and logs them at their end; of a request on a kept client connection whose app drops the connection it
 * says nothing at all. So what is neither logged nor in flight was lost, and what is long under way is counted early.
 */
export interface Reading {
  /** Requests assigned so far, from the stick table. */
  readonly assigned: number
  readonly inFlight: number
  /** When the reading was complete, Unix milliseconds. */
  readonly atMs: number
  /** Weight in force at the reading. */
  readonly weight: number
}

/** About when a request arrived: known to the interval between two readings. */
export interface AboutArrival {
  readonly second: number
  readonly weight: number
}

export interface Loss {
  readonly arrival: AboutArrival
  /** Its assignment was counted before. */
  readonly counted: boolean
}

interface Range extends AboutArrival {
  /** Numbers after `from` up to and with `to`. */
  readonly from: number
  readonly to: number
  /** As many of its requests are known as lost already. */
  lost: number
}

/** The clocks of both processes are the same, their roundings are not. */
const CLOCK_SLACK_MS = 2

/** What a worker had done when counting began. */
export type Before = Pick<Reading, 'assigned' | 'inFlight' | 'atMs'>

export class Ledger {
  readonly #before: Before
  #logged: number
  #reported = 0
  #last: Range
  #open: { readonly reading: Reading; later: number } | null = null
  readonly #ended = new Set<number>()
  readonly #underWay = new Map<number, AboutArrival>()

  /** What a worker assigned before anybody counted is taken for answered, but for what was in flight. */
  constructor(before: Before = { assigned: 0, inFlight: 0, atMs: 0 }) {
    this.#before = before
    this.#logged = before.assigned - before.inFlight
    this.#last = { from: before.assigned, to: before.assigned, second: 0, weight: 0, lost: 0 }
  }

  /** A logged request; returns its arrival when its assignment was counted already. */
  ended(sequence: number, endedAtMs: number): AboutArrival | null {
    // Kept for us while nobody listened: taken for answered already.
    if (sequence <= this.#before.assigned && endedAtMs <= this.#before.atMs) return null
    this.#logged++
    const open = this.#open
    if (open !== null) {
      if (sequence > open.reading.assigned || endedAtMs > open.reading.atMs + CLOCK_SLACK_MS) open.later++
    }
    const arrival = this.#underWay.get(sequence)
    if (arrival === undefined) {
      if (sequence > this.#last.from) this.#ended.add(sequence)
      return null
    }
    this.#underWay.delete(sequence)
    return arrival
  }

  /** Takes a reading, about once a second; returns the requests that have been under way since the one before. */
  read(reading: Reading): AboutArrival[] {
    const { from, to, second, weight, lost } = this.#last
    const late: AboutArrival[] = []
    let skipped = 0
    for (let sequence = from + 1; sequence <= to; sequence++) {
      if (this.#ended.delete(sequence) || skipped++ < lost) continue
      const arrival = { second, weight }
      this.#underWay.set(sequence, arrival)
      late.push(arrival)
    }
    this.#last = {
      from: to,
      to: Math.max(to, reading.assigned),
      second: Math.floor((reading.atMs - 500) / 1000),
      weight: reading.weight,
      lost: 0,
    }
    this.#open = { reading, later: 0 }
    return late
  }

  /** Forgets the last reading: not all lines from before it have come. */
  postpone(): void {
    this.#open = null
  }

  /**
   * New losses as of the last reading; to be called when all lines from before it must have arrived. It may miss the
   * last few for a while, but never tells more than there were.
   */
  settle(): Loss[] {
    const open = this.#open
    if (open === null) return []
    this.#open = null
    const lost = open.reading.assigned - (this.#logged - open.later) - open.reading.inFlight
    const losses: Loss[] = []
    for (; this.#reported < lost; this.#reported++) {
      // The oldest go first: which of them it was nobody knows, and the sums come out right.
      const oldest = this.#underWay.entries().next()
      if (oldest.done === true) {
        this.#last.lost++
        losses.push({ arrival: this.#last, counted: false })
      } else {
        this.#underWay.delete(oldest.value[0])
        losses.push({ arrival: oldest.value[1], counted: true })
      }
    }
    return losses
  }
}
