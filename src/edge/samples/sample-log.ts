import type { Sample } from '../../model/sample.ts'
import type { SampleBatch, SampleQuery } from '../edge.ts'
import { type DistinctBad, distinctBad } from './distinct-bad.ts'
import { type CounterKey, SampleCounter } from './sample-counter.ts'

export interface SampleLogOptions {
  /** Milliseconds since 1970. */
  readonly now?: () => number
  /** What is at least kept, unless `maxBytes` is reached first. */
  readonly keepMs?: number
  /** Bound of all history in memory, in characters of JSON. */
  readonly maxBytes?: number
}

/** One flush of one environment. Samples are kept as text: a tenth of the memory of objects. */
export interface LoggedBatch {
  readonly environment: string
  /** Position; grows over all environments and over restarts, as it never falls behind the clock in milliseconds. */
  readonly position: number
  /** JSON of `Sample[]`. */
  readonly samples: string
}

/** History of what happened to requests: counters collect, `flush` moves what they have into the log, readers read by cursor. */
export class SampleLog {
  readonly #now: () => number
  readonly #keepMs: number
  readonly #maxBytes: number
  readonly #counters = new Map<string, SampleCounter>()
  readonly #distinct = new Map<string, DistinctBad>()
  #batches: LoggedBatch[] = []
  /** Batches at the front that are given up but not yet cut off. */
  #dropped = 0
  #bytes = 0
  #position = 0

  constructor({ now = Date.now, keepMs = 65 * 60_000, maxBytes = 64 * 1024 * 1024 }: SampleLogOptions = {}) {
    this.#now = now
    this.#keepMs = keepMs
    this.#maxBytes = maxBytes
  }

  /** The counter of a key: keep it, looking it up for each request would be waste. */
  counter(key: CounterKey): SampleCounter {
    const name = counterName(key)
    let counter = this.#counters.get(name)
    if (counter === undefined) {
      counter = new SampleCounter(key, this.#distinctOf(key))
      this.#counters.set(name, counter)
    }
    return counter
  }

  /** Forgets a counter and logs what it still has; call it when nothing is in flight for it any more. */
  release(counter: SampleCounter): readonly LoggedBatch[] {
    const name = counterName(counter.key)
    if (this.#counters.get(name) === counter) this.#counters.delete(name)
    const siblings = distinctName(counter.key)
    if (![...this.#counters.values()].some((other) => distinctName(other.key) === siblings))
      this.#distinct.delete(siblings)
    const samples = counter.take()
    return samples.length === 0 ? [] : [this.append(counter.key.environment, samples)]
  }

  /** Moves all increments into the log; call it once a second. Returns what was new, for writing to disk. */
  flush(): readonly LoggedBatch[] {
    const fresh = new Map<string, Sample[]>()
    for (const counter of this.#counters.values()) {
      const samples = counter.take()
      if (samples.length === 0) continue
      const { environment } = counter.key
      const known = fresh.get(environment)
      if (known === undefined) fresh.set(environment, samples)
      else known.push(...samples)
    }
    return [...fresh].map(([environment, samples]) => this.append(environment, samples))
  }

  /** Adds increments that were counted elsewhere, such as by the edge process before this one. */
  append(environment: string, samples: readonly Sample[]): LoggedBatch {
    this.#position = Math.max(this.#position + 1, Math.floor(this.#now()))
    const batch = { environment, position: this.#position, samples: JSON.stringify(samples) }
    this.#keep(batch)
    return batch
  }

  /** Takes over history; batches must come oldest first. */
  restore(batches: Iterable<LoggedBatch>): void {
    for (const batch of batches) {
      if (batch.position <= this.#position) continue
      this.#position = batch.position
      this.#keep(batch)
    }
  }

  read({ environment, after }: SampleQuery): SampleBatch {
    const from = after === undefined ? 0 : Number(after) || 0
    const samples: Sample[] = []
    for (let index = this.#firstAfter(from); index < this.#batches.length; index++) {
      const batch = this.#batches[index]
      if (batch?.environment === environment) samples.push(...(JSON.parse(batch.samples) as Sample[]))
    }
    return { samples, cursor: String(Math.max(from, this.#position)) }
  }

  #firstAfter(position: number): number {
    let low = 0
    let high = this.#batches.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#batches[middle]?.position ?? 0) <= position) low = middle + 1
      else high = middle
    }
    return low
  }

  #keep(batch: LoggedBatch): void {
    this.#batches.push(batch)
    this.#bytes += batch.samples.length
    const oldest = this.#now() - this.#keepMs
    for (let first = this.#batches[this.#dropped]; first !== undefined && first !== batch; ) {
      if (first.position >= oldest && this.#bytes <= this.#maxBytes) break
      this.#bytes -= first.samples.length
      this.#batches[this.#dropped] = { ...first, samples: '[]' }
      first = this.#batches[++this.#dropped]
    }
    // Shortening moves the whole array: seldom.
    if (this.#dropped < 256) return
    this.#batches = this.#batches.slice(this.#dropped)
    this.#dropped = 0
  }

  /** Shared by the instances of a release: a client that retries reaches another one. */
  #distinctOf(key: CounterKey): DistinctBad {
    const name = distinctName(key)
    let distinct = this.#distinct.get(name)
    if (distinct === undefined) {
      distinct = distinctBad()
      this.#distinct.set(name, distinct)
    }
    return distinct
  }
}

function counterName({ environment, service, release, instance }: CounterKey): string {
  return `${environment} ${service} ${release} ${instance ?? ''}`
}

function distinctName({ environment, service, release }: CounterKey): string {
  return `${environment} ${service} ${release}`
}
