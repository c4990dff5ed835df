import { clip, divergence, firstTrue } from './numbers.ts'

/** What the old release's own past says about its failures. */
export interface OldRate {
  /** Best guess of its failure rate (p̂): a pull towards 0.1 % that 500 requests outweigh. */
  readonly rate: number
  /** Ceiling (c) that the old release is trusted to stay under; the level bets are made against it. */
  readonly ceiling: number
}

const LOWEST = 2e-4
/** Before the rollout a ceiling above 1 % is not trusted; in a common incident it may rise to 30 %. */
const HIGHEST_AT_START = 0.01
const HIGHEST_LATER = 0.3
const ENOUGH_REQUESTS = 500

/** p̂ = max((y + ½)/(n + 500), 0.0002). */
export function guessRate(bad: number, requests: number): number {
  return Math.max((bad + 0.5) / (requests + 500), LOWEST)
}

/**
 * Chernoff's upper bound: the largest rate u for which `bad` of `requests` would still be no surprise,
 * n·KL(y/n‖u) ≤ ln(1/δ). The true rate lies above it with a probability of at most δ.
 */
export function chernoffUpper(bad: number, requests: number, delta: number): number {
  if (requests <= 0) return 1
  const seen = Math.min(bad / requests, 1)
  const limit = Math.log(1 / delta)
  return seen >= 1 ? 1 : firstTrue(seen, 1 - 1e-12, (u) => requests * divergence(seen, u) > limit)
}

/** p̂ and c from the last 30 minutes of the old release alone; below 500 requests nothing is known and c = 1 %. */
export function learnOldRate(bad: number, requests: number): OldRate {
  const ceiling =
    requests < ENOUGH_REQUESTS
      ? HIGHEST_AT_START
      : clip(2 * chernoffUpper(bad, requests, 0.05), LOWEST, HIGHEST_AT_START)
  return { rate: guessRate(bad, requests), ceiling }
}

/**
 * After an exonerated alarm: what the old release does *now* counts, because a common incident may have raised both.
 * Never lowers anything, and raises the ceiling only on more than 500 requests.
 */
export function relearnOldRate(known: OldRate, bad: number, requests: number): OldRate {
  const ceiling = requests > ENOUGH_REQUESTS ? clip(2 * chernoffUpper(bad, requests, 0.05), LOWEST, HIGHEST_LATER) : 0
  return { rate: Math.max(known.rate, guessRate(bad, requests)), ceiling: Math.max(known.ceiling, ceiling) }
}

/** True when the old release is surely (95 %) above the ceiling: then nobody can be measured against that ceiling. */
export function exceeds(bad: number, requests: number, ceiling: number): boolean {
  if (requests <= 0 || ceiling >= 1) return false
  const rate = Math.min(bad / requests, 1)
  return rate > ceiling && requests * divergence(rate, ceiling) > Math.log(20)
}
