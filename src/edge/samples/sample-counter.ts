import { latencyBucket, type RouteCount, type Sample, type StatusClasses } from '../../model/sample.ts'
import { type DistinctBad, distinctBad } from './distinct-bad.ts'

/** Whom the requests of one counter belong to. */
export interface CounterKey {
  readonly environment: string
  readonly service: string
  readonly release: string
  /** Absent: requests that were assigned to the release but to no instance. */
  readonly instance?: string
}

/** Where and when a request was counted at its arrival; given back at its completion. */
export interface Arrival {
  /** Unix time in seconds. */
  readonly second: number
  readonly weight: number
  /** Route template or `*`. */
  readonly route: string
  /** Route template also where the route is counted under `*`: tells the failures of one visitor apart. */
  readonly template?: string
}

export interface Completion {
  /** Null: no answer at all (reset, time-out, connection lost). */
  readonly status: number | null
  /** Only the first attempt of a request is judged: 5xx, reset, time-out, connection lost without an answer. */
  readonly bad: boolean
  /** Milliseconds to the end of the response head; absent when there was none. */
  readonly latencyMs?: number
  readonly visitor: string | null
}

interface Increment {
  readonly second: number
  readonly weight: number
  requests: number
  bad: number
  distinctBad: number
  /** By hundreds of the status; 0 is no answer. */
  readonly classes: number[]
  latency: Map<number, number> | null
  readonly routes: Map<string, { requests: number; bad: number }>
}

/** Collects the increments of one (service, release, instance) until the next flush takes them. */
export class SampleCounter {
  readonly key: CounterKey
  readonly #distinct: DistinctBad
  #open: Increment[] = []
  #last: Increment | null = null

  constructor(key: CounterKey, distinct: DistinctBad = distinctBad()) {
    this.key = key
    this.#distinct = distinct
  }

  assign(arrival: Arrival): void {
    const increment = this.#incrementAt(arrival)
    increment.requests++
    routeOf(increment, arrival.route).requests++
  }

  complete(arrival: Arrival, completion: Completion): void {
    const increment = this.#incrementAt(arrival)
    const { status, bad, latencyMs } = completion
    const statusClass = status === null ? 0 : Math.floor(status / 100)
    increment.classes[statusClass] = (increment.classes[statusClass] ?? 0) + 1
    if (latencyMs !== undefined) {
      increment.latency ??= new Map()
      const bucket = latencyBucket(latencyMs)
      increment.latency.set(bucket, (increment.latency.get(bucket) ?? 0) + 1)
    }
    if (bad) this.breakOff(arrival, completion.visitor)
  }

  /** An answer that was counted as good broke off later. */
  breakOff(arrival: Arrival, visitor: string | null): void {
    const increment = this.#incrementAt(arrival)
    increment.bad++
    routeOf(increment, arrival.route).bad++
    if (this.#distinct.isNew(arrival.second, visitor, arrival.template ?? arrival.route)) increment.distinctBad++
  }

  /** The increments since the last call. */
  take(): Sample[] {
    const taken = this.#open
    if (taken.length === 0) return []
    this.#open = []
    this.#last = null
    return taken.map((increment) => sampleOf(this.key, increment))
  }

  #incrementAt({ second, weight }: Arrival): Increment {
    const last = this.#last
    if (last !== null && last.second === second && last.weight === weight) return last
    let found = this.#open.find((increment) => increment.second === second && increment.weight === weight)
    if (found === undefined) {
      found = { second, weight, requests: 0, bad: 0, distinctBad: 0, classes: [], latency: null, routes: new Map() }
      this.#open.push(found)
    }
    this.#last = found
    return found
  }
}

function routeOf(increment: Increment, route: string): { requests: number; bad: number } {
  let count = increment.routes.get(route)
  if (count === undefined) {
    count = { requests: 0, bad: 0 }
    increment.routes.set(route, count)
  }
  return count
}

function sampleOf(key: CounterKey, increment: Increment): Sample {
  const { service, release, instance } = key
  return {
    from: increment.second,
    seconds: 1,
    service,
    release,
    ...(instance === undefined ? {} : { instance }),
    weight: increment.weight,
    requests: increment.requests,
    bad: increment.bad,
    distinctBad: increment.distinctBad,
    statusClasses: statusClassesOf(increment.classes),
    ...(increment.latency === null ? {} : { latency: Object.fromEntries(increment.latency) }),
    routes: Object.fromEntries(increment.routes) as Record<string, RouteCount>,
  }
}

function statusClassesOf(classes: readonly number[]): StatusClasses {
  const named: Record<string, number> = {}
  classes.forEach((count, index) => {
    if (count > 0) named[index === 0 ? 'none' : `${index}xx`] = count
  })
  return named
}
