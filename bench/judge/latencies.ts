import { latencyBucket, latencyUpperBoundMs } from '../../src/model/sample.ts'
import type { Random } from './random.ts'
import type { LatencyChange } from './scenario.ts'

const MEDIAN_MS = 100
const SIGMA = 0.6
const TAIL_SHARE = 0.02
const TAIL_FACTOR = 6

/** Probability of each latency bucket of one release or instance. */
export interface LatencyShape {
  readonly first: number
  readonly shares: readonly number[]
}

/** Share of requests faster than so many ms in the base: lognormal with a slower tail. */
function fasterThan(ms: number, factor: number): number {
  if (ms <= 0) return 0
  const z = (m: number) => normalCdf(Math.log(ms / (MEDIAN_MS * factor * m)) / SIGMA)
  return (1 - TAIL_SHARE) * z(1) + TAIL_SHARE * z(TAIL_FACTOR)
}

export function latencyShape(change: LatencyChange, instanceFactor = 1): LatencyShape {
  const factor = (change.factor ?? 1) * instanceFactor
  const { slowShare = 0, slowSeconds = 0 } = change
  const cdf = (ms: number) =>
    (1 - slowShare) * fasterThan(ms, factor) + slowShare * fasterThan(ms - slowSeconds * 1000, factor)
  const first = latencyBucket(5)
  const last = latencyBucket(30_000)
  const shares: number[] = []
  let below = 0
  for (let bucket = first; bucket <= last; bucket++) {
    const upTo = bucket === last ? 1 : cdf(latencyUpperBoundMs(bucket))
    shares.push(upTo - below)
    below = upTo
  }
  return { first, shares }
}

/** A histogram of Poisson many requests; undefined when there were none. */
export function drawLatencies(shape: LatencyShape, mean: number, random: Random): Record<number, number> | undefined {
  const histogram: Record<number, number> = {}
  let any = false
  for (let i = 0; i < shape.shares.length; i++) {
    const expected = mean * (shape.shares[i] ?? 0)
    const count = expected < 1e-9 ? 0 : random.poisson(expected)
    if (count === 0) continue
    histogram[shape.first + i] = count
    any = true
  }
  return any ? histogram : undefined
}

/** Normal distribution function by series and continued fraction, good in the tails too. */
function normalCdf(x: number): number {
  const t = Math.abs(x) / Math.SQRT2
  const tail = t < 3 ? 1 - erfSeries(t) : erfcFraction(t)
  return x > 0 ? 1 - tail / 2 : tail / 2
}

function erfSeries(t: number): number {
  let term = t
  let sum = t
  for (let n = 1; n < 80; n++) {
    term *= (-t * t) / n
    const add = term / (2 * n + 1)
    sum += add
    if (Math.abs(add) < 1e-16) break
  }
  return (2 / Math.sqrt(Math.PI)) * sum
}

function erfcFraction(t: number): number {
  let fraction = 0
  for (let n = 60; n >= 1; n--) fraction = n / 2 / (t + fraction)
  return Math.exp(-t * t) / Math.sqrt(Math.PI) / (t + fraction)
}
