import { clip, firstTrue, logBeta } from './numbers.ts'

/**
 * The ramp bounds what can leak. A small weight only matters during the reaction time d (an event happens, is counted,
 * judged, routed around); so the weight is chosen such that not even a release as bad as the evidence still allows
 * would fail more than B requests within d: w = B / (λ·d·(U − p)), where U is the highest failure rate of the new
 * release that its own requests leave possible (90 %), p the old release's rate now, λ all requests per second.
 * Without failures U falls like 1/n: exposure doubles about every d seconds. No step table is needed.
 */
export interface Exposure {
  /** Only arrivals from this second on count. */
  from: number
  /** Requests of the new release (probes count half) and how many failed. */
  requests: number
  bad: number
}

/** Below this gain in rate nothing is at stake that the tests would not see. */
const SMALLEST_GAP = 3e-4
/** Largest first weight. */
const FIRST_WEIGHT = 0.1
/** Until 40 % of the observation at most a quarter of the traffic, until its end half: a label bet tells most there. */
const QUARTER_UNTIL = 0.4

const LOG_BETA_HALF = logBeta(0.5, 0.5)

/**
 * Upper bound of a failure rate that holds at every look (probability ≥ 1 − δ): the rate u above y/n at which a bet with
 * Jeffreys' prior against u has won a factor 1/δ. No requests: 1. Source: beta-binomial mixture, Robbins 1970; Howard, Ramdas.
 */
export function upperBound(bad: number, requests: number, delta: number): number {
  if (requests <= 0) return 1
  const fine = Math.max(requests - bad, 0)
  const limit = logBeta(bad + 0.5, fine + 0.5) - LOG_BETA_HALF - Math.log(1 / delta)
  if (bad >= requests) return 1
  // Every step of Newton's on ln u or of bisection costs a logarithm or two; 44 halvings give 1e-13.
  return firstTrue(bad / requests, 1, (u) => bad * Math.log(u) + fine * Math.log1p(-u) < limit, 44)
}

/** The weight that risks `budget` failed requests within the reaction time, before any cap. */
export function riskWeight(options: {
  readonly upper: number
  readonly rateNow: number
  readonly requestsPerSecond: number
  readonly reactionSeconds: number
  readonly budget: number
}): number {
  const { upper, rateNow, requestsPerSecond, reactionSeconds, budget } = options
  const gap = Math.max(upper - rateNow, SMALLEST_GAP)
  const atStake = requestsPerSecond * Math.max(reactionSeconds, 0.5) * gap
  return atStake > 0 ? budget / atStake : 1
}

/**
 * Cap by time: 25 %, then 50 % until the observation is over. With little traffic the budget is not what limits, time is:
 * 25 % at once, 50 % below 20 requests a minute.
 */
export function weightCap(clockSeconds: number, observeSeconds: number, scarcity: Scarcity): number {
  if (scarcity === 'very-low') return 0.5
  return clockSeconds < QUARTER_UNTIL * observeSeconds ? 0.25 : 0.5
}

export type Scarcity = 'none' | 'low' | 'very-low'

/** Low: a quarter of the traffic for one reaction time is within the budget even if all of it failed; very low: half of it. */
export function scarcity(requestsPerSecond: number, reactionSeconds: number, budget: number): Scarcity {
  const atStake = requestsPerSecond * reactionSeconds
  if (requestsPerSecond < 20 / 60 && 0.5 * atStake <= budget) return 'very-low'
  return 0.25 * atStake <= budget ? 'low' : 'none'
}

/** The very first weight is held at 10 %, unless traffic is scarce. */
export function firstWeightCap(level: Scarcity): number {
  return level === 'none' ? FIRST_WEIGHT : 1
}

/** Rounds up to a weight that the router can do. */
export function routable(weight: number, lowestWeight: number): number {
  if (weight <= 0) return 0
  return clip(Math.max(weight, lowestWeight), 0, 1)
}

/**
 * About how many clean requests are still needed until U ≤ limit (the evidence gate); Infinity when the new release
 * already fails more often than that.
 */
export function requestsUntil(limit: number, exposure: Exposure): number {
  const { requests, bad } = exposure
  let needed = Math.max(requests, 1)
  for (let i = 0; i < 6; i++) {
    const rate = bad / needed
    const gap = limit - rate
    if (gap <= 0) {
      needed *= 2
      continue
    }
    const price = Math.log(10) + 0.5 * Math.log(Math.PI * needed)
    needed = Math.max(requests, (price * (2 * rate * (1 - rate) + gap)) / gap ** 2)
  }
  return bad / needed < limit ? Math.max(0, Math.ceil(needed - requests)) : Number.POSITIVE_INFINITY
}
