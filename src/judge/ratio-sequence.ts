import { logSumExp } from './numbers.ts'

/**
 * How many times riskier is the new release? A confidence *sequence*: an interval that holds at every look at once (95 %),
 * so it may be shown live. For each candidate ratio r of a grid the likelihood of the labels is kept,
 * ℓ(r) = Σ_s [Y_s·ln r − K_s·ln(1 + w_s(r−1))], and r stays in the set while the average likelihood of all candidates
 * is less than 1/δ times its own (method of mixtures, Robbins 1970).
 */
const SIZE = 64
const LOWEST = Math.log(1 / 50)
const HIGHEST = Math.log(2000)
const logGrid = Array.from({ length: SIZE }, (_, k) => LOWEST + ((HIGHEST - LOWEST) * k) / (SIZE - 1))
const gridMinusOne = logGrid.map((x) => Math.expm1(x))

export type RatioSequence = number[]

export function startRatioSequence(): RatioSequence {
  return Array.from({ length: SIZE }, () => 0)
}

/** Adds failed requests of one arrival second and weight. */
export function addToRatio(likelihood: RatioSequence, badNew: number, badAll: number, weight: number): void {
  if (badAll === 0 || weight <= 0 || weight >= 1) return
  for (let k = 0; k < SIZE; k++) {
    const gain = badNew * (logGrid[k] ?? 0) - badAll * Math.log1p(weight * (gridMinusOne[k] ?? 0))
    likelihood[k] = (likelihood[k] ?? 0) + gain
  }
}

/** The ratios that are still possible; null while every ratio of the grid (0.02 to 2,000) is. */
export function ratioInterval(likelihood: RatioSequence, delta = 0.05): { low: number; high: number } | null {
  const average = logSumExp(likelihood) - Math.log(SIZE)
  const limit = average - Math.log(1 / delta)
  let first = 0
  let last = SIZE - 1
  while (first < SIZE - 1 && (likelihood[first] ?? 0) <= limit) first++
  while (last > 0 && (likelihood[last] ?? 0) <= limit) last--
  if (first === 0 && last === SIZE - 1) return null
  return {
    low: first === 0 ? 0 : crossing(likelihood, first - 1, first, limit),
    high: last === SIZE - 1 ? Math.exp(HIGHEST) : crossing(likelihood, last, last + 1, limit),
  }
}

function crossing(likelihood: RatioSequence, left: number, right: number, limit: number): number {
  const a = likelihood[left] ?? 0
  const b = likelihood[right] ?? 0
  const share = a === b ? 0 : (limit - a) / (b - a)
  const from = logGrid[left] ?? 0
  return Math.exp(from + share * ((logGrid[right] ?? 0) - from))
}
