import { LATENCY_SCALE, latencyUpperBoundMs, type Sample } from '../model/sample.ts'
import type { History } from './judge.ts'

/**
 * What the old release's latencies looked like before the rollout: five thresholds (bucket boundaries at p50, p75, p90,
 * p95, p99), the share of requests above each, and how much p90 differs between instances within a minute.
 */
export interface LatencyBaseline {
  /** Buckets above which a request of the old release counts as slow, per quantile. */
  readonly buckets: readonly number[]
  /** Buckets by which each threshold is raised at least for the new release: 5 ms more are no slow-down that matters. */
  readonly leastShifts: readonly number[]
  /** Share of the old release's requests above them. */
  readonly shares: readonly number[]
  /** Instance-to-instance standard deviation of ln p90, sampling noise taken off. */
  readonly instanceSpread: number
}

const quantiles = [0.5, 0.75, 0.9, 0.95, 0.99] as const
const ENOUGH = 200
/** Relative tolerances mean nothing for an application that answers in 2 ms. */
const UNNOTICED_MS = 5

function leastShift(bucket: number): number {
  const threshold = latencyUpperBoundMs(bucket)
  return Math.round(Math.log2((threshold + UNNOTICED_MS) / threshold) * LATENCY_SCALE)
}

export function learnLatency(history: History): LatencyBaseline | null {
  const all = new Map<number, number>()
  const perInstance = new Map<string, Map<number, number>>()
  for (const sample of history.samples) {
    if (sample.latency === undefined) continue
    addHistogram(all, sample)
    const key = `${Math.floor(sample.from / 60)} ${sample.instance ?? ''}`
    let histogram = perInstance.get(key)
    if (histogram === undefined) perInstance.set(key, (histogram = new Map()))
    addHistogram(histogram, sample)
  }
  const pooled = sorted(all)
  const total = sum(pooled)
  if (total < ENOUGH) return null
  const buckets = quantiles.map((quantile) => bucketAt(pooled, total, quantile))
  return {
    buckets,
    leastShifts: buckets.map(leastShift),
    shares: buckets.map((bucket) =>
      Math.min(Math.max(shareAbove(pooled, total, bucket), 0.5 / total), 1 - 0.5 / total),
    ),
    instanceSpread: instanceSpread(perInstance, pooled, total),
  }
}

function addHistogram(target: Map<number, number>, sample: Sample): void {
  for (const key in sample.latency) {
    const bucket = Number(key)
    target.set(bucket, (target.get(bucket) ?? 0) + (sample.latency[bucket] ?? 0))
  }
}

type Buckets = readonly (readonly [bucket: number, count: number])[]

function sorted(histogram: ReadonlyMap<number, number>): Buckets {
  return [...histogram].sort(([a], [b]) => a - b)
}

function sum(buckets: Buckets): number {
  return buckets.reduce((total, [, count]) => total + count, 0)
}

function bucketAt(buckets: Buckets, total: number, quantile: number): number {
  let seen = 0
  for (const [bucket, count] of buckets) {
    seen += count
    if (seen >= quantile * total) return bucket
  }
  return buckets.at(-1)?.[0] ?? 0
}

function shareAbove(buckets: Buckets, total: number, limit: number): number {
  let above = 0
  for (const [bucket, count] of buckets) if (bucket > limit) above += count
  return above / total
}

/** ln of a quantile, interpolated inside its bucket (a bucket is ln 2 / 8 wide). */
function logQuantile(buckets: Buckets, total: number, quantile: number): number {
  let seen = 0
  for (const [bucket, count] of buckets) {
    if (seen + count >= quantile * total) return ((bucket + (quantile * total - seen) / count) * Math.LN2) / 8
    seen += count
  }
  return (((buckets.at(-1)?.[0] ?? 0) + 1) * Math.LN2) / 8
}

function instanceSpread(perInstance: ReadonlyMap<string, Map<number, number>>, pooled: Buckets, total: number): number {
  const minutes = new Map<string, { logs: number[]; noise: number }>()
  // Sampling variance of a quantile: p(1−p)/n over the squared density there, the density read off the pooled quantiles.
  const width = (logQuantile(pooled, total, 0.93) - logQuantile(pooled, total, 0.87)) / 0.06
  for (const [key, histogram] of perInstance) {
    const buckets = sorted(histogram)
    const count = sum(buckets)
    if (count < 20) continue
    const minute = key.slice(0, key.indexOf(' '))
    let entry = minutes.get(minute)
    if (entry === undefined) minutes.set(minute, (entry = { logs: [], noise: 0 }))
    entry.logs.push(logQuantile(buckets, count, 0.9))
    entry.noise += (0.09 / count) * width ** 2
  }
  let variance = 0
  let freedom = 0
  for (const { logs, noise } of minutes.values()) {
    if (logs.length < 2) continue
    const mean = logs.reduce((a, b) => a + b, 0) / logs.length
    const squares = logs.reduce((a, b) => a + (b - mean) ** 2, 0)
    variance += squares - (noise / logs.length) * (logs.length - 1)
    freedom += logs.length - 1
  }
  return freedom === 0 ? 0 : Math.sqrt(Math.max(0, variance / freedom))
}
