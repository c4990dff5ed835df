import { logSumExp } from './numbers.ts'

/**
 * Do conversions (orders, sign-ups) get lost? Label bets on the conversions themselves: of K conversions Y came from users
 * of the new release, whose visits had the weight w. ℓ = Y·ln ρ − K·ln(1 − w + wρ) for ρ below 1. No denominator and no
 * waiting for visits to mature is needed. The information lies in *missing* events: a total loss adds −ln(1−w) per conversion
 * of the old release, which is why 25 to 50 % of the traffic suits this test. `kept` < 1 tolerates a loss of 1 − kept.
 */
export interface BusinessTest {
  readonly cap: number
  readonly kept: number
  /** ln of evidence per ratio; DEAD once refuted. */
  readonly sums: number[]
  readonly pending: number[]
  blockUntil: number
  readonly counts: { old: number; new: number }
}

export const dropRatios = [0, 0.25, 0.5, 0.7, 0.8, 0.9] as const
const BLOCK_SECONDS = 5
/** Stands for −∞, which JSON cannot hold. */
const DEAD = -1e9

export function startBusinessTest(second: number, cap: number, kept = 1): BusinessTest {
  const zeros = () => dropRatios.map(() => 0)
  return { cap, kept, sums: zeros(), pending: zeros(), blockUntil: second + BLOCK_SECONDS, counts: { old: 0, new: 0 } }
}

/** ln of one bet that a share ρ of the conversions is left, against "at least `kept`". */
export function dropBet(fromNew: number, all: number, weight: number, ratio: number, kept = 1): number {
  if (weight <= 0 || all === 0 || ratio >= kept) return 0
  if (fromNew > 0 && ratio === 0) return DEAD
  const won = fromNew === 0 ? 0 : fromNew * Math.log(ratio / kept)
  return won + all * Math.log((1 - weight + weight * kept) / (1 - weight + weight * ratio))
}

export function addConversions(test: BusinessTest, fromNew: number, fromOld: number, weight: number): void {
  test.counts.new += fromNew
  test.counts.old += fromOld
  if (weight >= 1) return
  for (let j = 0; j < dropRatios.length; j++) {
    const gain = dropBet(fromNew, fromNew + fromOld, weight, dropRatios[j] ?? 1, test.kept)
    test.pending[j] = Math.max(DEAD, (test.pending[j] ?? 0) + gain)
  }
}

export function closeBusinessBlock(test: BusinessTest, second: number): void {
  if (second + 1 < test.blockUntil) return
  for (let j = 0; j < dropRatios.length; j++) {
    test.sums[j] = Math.max(DEAD, (test.sums[j] ?? 0) + Math.min(test.pending[j] ?? 0, test.cap))
    test.pending[j] = 0
  }
  test.blockUntil = second + 1 + BLOCK_SECONDS
}

/** ln E. */
export function businessEvidence(test: BusinessTest): number {
  if (test.counts.old + test.counts.new === 0) return 0
  return logSumExp(test.sums) - Math.log(dropRatios.length)
}
