import type { Judge } from '../../../src/judge/index.ts'
import {
  addSecond,
  type Minute,
  type Minutes,
  plainVerdict,
  ramp,
  rollBack,
  scheduled,
  startMinutes,
} from './minutes.ts'

interface State {
  readonly minutes: Minutes
  readonly canary: number[]
  readonly baseline: number[]
  failed: boolean
}

/** Two-sided confidence of 0.98. */
const Z = 2.3263478740408408
const TOLERANCE = 0.25
const FIRST_LOOK = 5
/** Minutes without any failure tie at zero; a shift below this is rounding, and is not held against the release. */
const NO_SHIFT = 1e-7
/** Relative noise added to ties, by rank of the point so that a run stays deterministic. */
const TIE_NOISE = 1e-5

/**
 * Kayenta's NetflixACAJudge on the error rate (or p90 where latencies are given) per minute: Mann-Whitney with the
 * Hodges-Lehmann shift and its 98 % interval by normal approximation (continuity 0.5, ties corrected); High when the lower
 * end exceeds a quarter of the shift; a failed metric fails the release. It looks every minute from the fifth on while both
 * releases serve, which is far sooner than documented (50 points).
 */
export function kayenta(metric: 'errors' | 'p90' = 'errors'): Judge<State> {
  return {
    start: () => ({ minutes: startMinutes(), canary: [], baseline: [], failed: false }),
    step: (state, input) => {
      const minute = addSecond(state.minutes, input)
      if (minute !== null && minute.requestsNew > 0 && minute.requestsOld > 0) {
        state.canary.push(valueOf(minute, metric, 'new'))
        state.baseline.push(valueOf(minute, metric, 'old'))
        if (state.minutes.elapsed / 60 >= FIRST_LOOK && isHigh(state.canary, state.baseline)) state.failed = true
      }
      return { state, decision: state.failed ? rollBack() : ramp(scheduled(state.minutes.elapsed)) }
    },
    explain: (state) => plainVerdict(state.failed ? 'the canary is High' : 'Pass'),
  }
}

function valueOf(minute: Minute, metric: 'errors' | 'p90', release: 'old' | 'new'): number {
  if (metric === 'errors') {
    return release === 'new' ? minute.badNew / minute.requestsNew : minute.badOld / minute.requestsOld
  }
  const histogram = release === 'new' ? minute.latencyNew : minute.latencyOld
  const buckets = Object.entries(histogram)
    .map(([bucket, count]) => [Number(bucket), count] as const)
    .sort(([a], [b]) => a - b)
  const total = buckets.reduce((sum, [, count]) => sum + count, 0)
  let seen = 0
  for (const [bucket, count] of buckets) {
    if (seen + count >= 0.9 * total) return 2 ** ((bucket + (0.9 * total - seen) / count) / 8)
    seen += count
  }
  return 0
}

/** True when the canary's values are surely larger: lower confidence limit above tolerance × |shift|, mean ratio ≥ 1. */
export function isHigh(canary: readonly number[], baseline: readonly number[]): boolean {
  const x = untied(canary, 0)
  const y = untied(baseline, 1)
  const lower = shiftAt(x, y, Z)
  const estimate = shiftAt(x, y, 0)
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length
  const ratio = mean(baseline) === 0 ? Number.POSITIVE_INFINITY : mean(canary) / mean(baseline)
  return lower > Math.max(TOLERANCE * Math.abs(estimate), NO_SHIFT) && ratio >= 1
}

function untied(values: readonly number[], side: number): number[] {
  return values.map((value, i) => value * (1 + TIE_NOISE * Math.sin(12.9898 * (i + 1) + 78.233 * side)))
}

/** The shift d at which the rank statistic of x − d against y equals z, by bisection over the range of differences. */
function shiftAt(x: readonly number[], y: readonly number[], z: number): number {
  let low = Math.min(...x) - Math.max(...y)
  let high = Math.max(...x) - Math.min(...y)
  if (rankZ(x, y, low, z !== 0) < z) return low
  for (let i = 0; i < 40; i++) {
    const middle = (low + high) / 2
    if (rankZ(x, y, middle, z !== 0) > z) low = middle
    else high = middle
  }
  return (low + high) / 2
}

function rankZ(x: readonly number[], y: readonly number[], shift: number, corrected: boolean): number {
  // U counts pairs in which x − d is larger, half for ties.
  let u = 0
  const all = [...x.map((value) => value - shift), ...y].sort((a, b) => a - b)
  for (const a of x) for (const b of y) u += a - shift > b ? 1 : a - shift === b ? 0.5 : 0
  let ties = 0
  for (let i = 0; i < all.length; ) {
    let j = i
    while (j < all.length && all[j] === all[i]) j++
    ties += (j - i) ** 3 - (j - i)
    i = j
  }
  const n = all.length
  const sigma = Math.sqrt(((x.length * y.length) / 12) * (n + 1 - ties / (n * (n - 1))))
  const difference = u - (x.length * y.length) / 2
  const correction = corrected ? Math.sign(difference) * 0.5 : 0
  return sigma === 0 ? 0 : (difference - correction) / sigma
}
