/**
 * An increment of what happened to requests of one second of arrival. Increments of one key
 * (from, service, release, instance, weight) add up: `requests` counts at assignment, the rest at completion,
 * so a request that fails 30 s later is a later increment of its arrival second.
 */
export interface Sample {
  /** Unix time of the second of arrival, in seconds. */
  readonly from: number
  /** Width of the window in seconds; 1 at our edges. */
  readonly seconds: number
  readonly service: string
  readonly release: string
  readonly instance?: string
  /** Weight of the candidate release in force at arrival, 0..1; 0 when there is none. */
  readonly weight?: number
  /** Requests assigned. */
  readonly requests: number
  /** 5xx, reset, timeout, connection lost without an answer; first attempt only, no health checks. */
  readonly bad: number
  /**
   * Bad events after counting one per (visitor id, route template, 30 s); requests without an id one by one.
   * Absent where the router knows no visitor: then `bad` is the count.
   */
  readonly distinctBad?: number
  readonly statusClasses: StatusClasses
  readonly latency?: LatencyHistogram
  /** Per route template (first path segments, ids replaced), at most 50, the rest under `*`. */
  readonly routes?: Readonly<Record<string, RouteCount>>
}

/** Increments by the second in which they become known: the last of those that they cover, and the router's lag. */
export function samplesBySecond(samples: readonly Sample[], lagSeconds = 0): ReadonlyMap<number, readonly Sample[]> {
  const bySecond = new Map<number, Sample[]>()
  for (const sample of samples) {
    const second = Math.floor(sample.from) + sample.seconds - 1 + lagSeconds
    const known = bySecond.get(second)
    if (known === undefined) bySecond.set(second, [sample])
    else known.push(sample)
  }
  return bySecond
}

/** The weight of the candidate in each second of which there are samples: as the router states it, else its share of requests. */
export function weightsBySecond(samples: readonly Sample[], candidate: string): ReadonlyMap<number, number> {
  const stated = new Map<number, number>()
  const counts = new Map<number, { all: number; candidate: number }>()
  for (const { from, seconds, release, weight, requests } of samples) {
    for (let second = Math.floor(from); second < from + seconds; second++) {
      if (weight !== undefined) stated.set(second, weight)
      const count = counts.get(second) ?? { all: 0, candidate: 0 }
      count.all += requests / seconds
      if (release === candidate) count.candidate += requests / seconds
      counts.set(second, count)
    }
  }
  const observed = [...counts].flatMap(([second, count]): [number, number][] =>
    count.all > 0 ? [[second, count.candidate / count.all]] : [],
  )
  return new Map([...observed, ...stated])
}

export interface StatusClasses {
  readonly '1xx'?: number
  readonly '2xx'?: number
  readonly '3xx'?: number
  readonly '4xx'?: number
  readonly '5xx'?: number
  /** No answer at all: reset, timeout, connection lost. */
  readonly none?: number
}

export interface RouteCount {
  readonly requests: number
  readonly bad: number
}

/** Sparse exponential histogram of milliseconds to the end of the response head: bucket index → count. */
export type LatencyHistogram = Readonly<Record<number, number>>

/** Buckets per doubling: base 2^(1/8), OpenTelemetry scale 3. */
export const LATENCY_SCALE = 8

/** Index i such that 2^(i/8) < ms <= 2^((i+1)/8); times below 1/16 ms share one bucket. */
export function latencyBucket(ms: number): number {
  return Math.ceil(Math.log2(Math.max(ms, 0.0625)) * LATENCY_SCALE) - 1
}

/** Upper bound of a bucket in milliseconds. */
export function latencyUpperBoundMs(bucket: number): number {
  return 2 ** ((bucket + 1) / LATENCY_SCALE)
}
