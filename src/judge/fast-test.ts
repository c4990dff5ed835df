import { divergence, logAddExp, logSumExp } from './numbers.ts'
import type { OldRate } from './old-rate.ts'

/**
 * The FAST test looks at single events, every second, and may only make traffic *retreat*. It is a set of twelve gamblers.
 * Gambler j believes that the new release fails ρ_j times as often as the old one and bets on every second; if the new
 * release is no worse, no gambler can win in the long run: the chance that their average fortune E ever grows tenfold is
 * at most 1/10 (Ville's inequality), however often one looks. So E ≥ 10 is a reason to withdraw traffic.
 *
 * Two kinds of bet, chosen *before* the second is seen:
 * - label: given that K requests failed in all, how many of them were on the new release, which had the share w of the
 *   traffic? Common trouble (drift, outages, bursts) hits both and cancels. ℓ = Y·ln ρ − K·ln(1 + w(ρ−1)).
 * - level: Y of N failed; is that more than the ceiling c that the old release is trusted to stay under?
 *   ℓ = Y·ln(q/c) + (N−Y)·ln((1−q)/(1−c)), q = min(ρ·p̂, 0.97). Made where the label says little (a high weight),
 *   and never while the old release itself is above c.
 *
 * Source: Ville 1939; label conditioning as in arXiv 2011.03567, here with a weight per second of arrival.
 */
export const fastRatios = [1.5, 2, 3, 5, 8, 13, 20, 35, 60, 100, 200, 500] as const
const logRatios = fastRatios.map((ratio) => Math.log(ratio))
const COUNT = fastRatios.length
export const LOG_FAST_COUNT = Math.log(COUNT)

/** Late onset (leaks, cron jobs): a fifth of the stake is kept for new starts every 30 s, forty times. */
const LATE_MASS = 0.2
const RESTARTS = 40
const RESTART_SECONDS = 30

export interface FastTest {
  /** ln of each gambler's fortune. */
  readonly fortunes: number[]
  /** New starts made so far. */
  restarts: number
  /** Arrival second of the next new start. */
  nextRestart: number
}

/** Level bets for the present p̂ and c; recomputed only when those change. */
export interface LevelBets {
  /** ln(q_j/c) and ln((1−q_j)/(1−c)). */
  readonly failed: readonly number[]
  readonly fine: readonly number[]
  /** What one request of the new release tells a level bet on average, if the gambler is right; 0: bet not allowed. */
  readonly gain: readonly number[]
}

/** One block: events of one arrival second and one weight. */
export interface FastBlock {
  /** Failed on the new release. */
  readonly badNew: number
  /** Failed on both. */
  readonly badAll: number
  /** Requests of the new release. */
  readonly requestsNew: number
  /** Weight of the new release at arrival. */
  readonly weight: number
}

export function startFastTest(second: number): FastTest {
  return {
    fortunes: Array.from({ length: COUNT }, () => Math.log(1 - LATE_MASS)),
    restarts: 0,
    nextRestart: second + RESTART_SECONDS,
  }
}

/** Puts the next part of the kept stake in, when its time has come; must precede the block of that second. */
export function restartWhenDue(test: FastTest, second: number): void {
  while (test.restarts < RESTARTS && second >= test.nextRestart) {
    const stake = Math.log(LATE_MASS / RESTARTS)
    for (let j = 0; j < COUNT; j++) test.fortunes[j] = logAddExp(test.fortunes[j] ?? 0, stake)
    test.restarts += 1
    test.nextRestart += RESTART_SECONDS
  }
}

/** ln E: the average fortune, with the stake that was not yet put in. */
export function fastEvidence(test: FastTest): number {
  const unspent = (LATE_MASS * (RESTARTS - test.restarts)) / RESTARTS
  const average = logSumExp(test.fortunes) - LOG_FAST_COUNT
  return unspent > 0 ? logAddExp(average, Math.log(unspent)) : average
}

/** Index of the gambler who earned most: its ρ is the best guess of the risk ratio. */
export function bestFastRatio(test: FastTest): number {
  let best = 0
  for (let j = 1; j < COUNT; j++) if ((test.fortunes[j] ?? 0) > (test.fortunes[best] ?? 0)) best = j
  return fastRatios[best] ?? 1
}

export function levelBets({ rate, ceiling: trusted }: OldRate, tolerated = 1): LevelBets {
  const ceiling = Math.min(trusted * tolerated, 0.9)
  const rates = fastRatios.map((ratio) => Math.min(ratio * rate, 0.97))
  return {
    failed: rates.map((q) => Math.log(q / ceiling)),
    fine: rates.map((q) => Math.log((1 - q) / (1 - ceiling))),
    gain: rates.map((q) => (q > 1.3 * ceiling ? divergence(q, ceiling) : 0)),
  }
}

/**
 * For each gambler the kind of bet with the larger expected gain, as a bit mask (1 = level). It depends on the past and
 * the weight only, never on the block itself, else the evidence would be worth nothing.
 */
export function chooseBets(weight: number, rate: number, bets: LevelBets, oldIsSound: boolean): number {
  if (!oldIsSound || weight <= 0) return 0
  let mask = 0
  for (let j = 0; j < COUNT; j++) {
    const gain = bets.gain[j] ?? 0
    if (gain === 0) continue
    const ratio = fastRatios[j] ?? 1
    const mix = 1 + weight * (ratio - 1)
    const share = (weight * ratio) / mix
    const label = rate * mix * (share * (logRatios[j] ?? 0) - Math.log(mix))
    if (weight * gain > label) mask |= 1 << j
  }
  return mask
}

/** Adds one block, or a late part of one: the bets are sums over events, so late failures count where they belong. */
export function addFastBlock(test: FastTest, block: FastBlock, mask: number, bets: LevelBets, tolerated = 1): void {
  const { badNew, badAll, requestsNew, weight } = block
  if (weight <= 0 || (badAll === 0 && (requestsNew === 0 || mask === 0))) return
  const { fortunes } = test
  for (let j = 0; j < COUNT; j++) {
    let gain: number
    if ((mask >> j) & 1) {
      gain = badNew * (bets.failed[j] ?? 0) + (requestsNew - badNew) * (bets.fine[j] ?? 0)
    } else if (badAll === 0) {
      continue
    } else {
      gain = labelBet(badNew, badAll, weight, fastRatios[j] ?? 1, tolerated)
    }
    fortunes[j] = (fortunes[j] ?? 0) + gain
  }
}

/**
 * ln of one label bet. `tolerated` > 1 forgives a new release that fails up to that many times as often
 * (an e-value for every ratio up to it); who believes in no more than that does not bet.
 */
export function labelBet(badNew: number, badAll: number, weight: number, ratio: number, tolerated = 1): number {
  if (weight <= 0 || (tolerated !== 1 && ratio <= tolerated)) return 0
  const won = badNew === 0 ? 0 : badNew * Math.log(ratio / tolerated)
  return won - badAll * Math.log((1 + weight * (ratio - 1)) / (1 + weight * (tolerated - 1)))
}
