import type { WebVitalCount } from './judge.ts'
import { twoSampleBet } from './latency-test.ts'
import { logSumExp } from './numbers.ts'

/**
 * Core Web Vitals: the same two-sample bets as for latency, on page views of distinct users, with the published limits
 * (needs improvement, poor) in place of quantiles. The share of the old release is learned while watching: before each block
 * it is what all earlier blocks showed, so the choice never depends on the block. The three vitals share one budget:
 * their evidence is averaged. A late beacon does no harm, it counts in the block in which it becomes known for both.
 */
export interface WebVitalsTest {
  readonly cap: number
  readonly vitals: Record<'lcp' | 'inp' | 'cls', VitalTest>
  blockUntil: number
  /** False until the first page view. */
  seen: boolean
}

interface VitalTest {
  /** ln of evidence per limit (needs improvement, poor) and odds ratio. */
  readonly sums: number[]
  /** Page views in the present block: [slow above limit 1, above limit 2, all]. */
  old: number[]
  new: number[]
  /** The same of the old release before. */
  readonly past: number[]
}

const oddsRatios = [1.4, 2, 3.5, 8] as const
const SIZE = 2 * oddsRatios.length
const BLOCK_SECONDS = 5
const vitalNames = ['lcp', 'inp', 'cls'] as const

export function startWebVitalsTest(second: number, cap: number): WebVitalsTest {
  const vital = (): VitalTest => ({
    sums: Array.from({ length: SIZE }, () => 0),
    old: [0, 0, 0],
    new: [0, 0, 0],
    past: [2, 1, 20],
  })
  return { cap, vitals: { lcp: vital(), inp: vital(), cls: vital() }, blockUntil: second + BLOCK_SECONDS, seen: false }
}

export function addWebVital(test: WebVitalsTest, count: WebVitalCount): void {
  test.seen = true
  const side = test.vitals[count.metric][count.release]
  side[0] = (side[0] ?? 0) + count.needsImprovement + count.poor
  side[1] = (side[1] ?? 0) + count.poor
  side[2] = (side[2] ?? 0) + count.good + count.needsImprovement + count.poor
}

export function closeWebVitalsBlock(test: WebVitalsTest, second: number): void {
  if (second + 1 < test.blockUntil || !test.seen) return
  for (const name of vitalNames) closeVital(test.vitals[name], test.cap)
  test.blockUntil = second + 1 + BLOCK_SECONDS
}

function closeVital(vital: VitalTest, cap: number): void {
  for (let limit = 0; limit < 2; limit++) {
    const share = ((vital.past[limit] ?? 0) + 0.5) / ((vital.past[2] ?? 0) + 1)
    const counts = {
      slowNew: vital.new[limit] ?? 0,
      new: vital.new[2] ?? 0,
      slowOld: vital.old[limit] ?? 0,
      old: vital.old[2] ?? 0,
    }
    for (let k = 0; k < oddsRatios.length; k++) {
      const at = limit * oddsRatios.length + k
      vital.sums[at] = (vital.sums[at] ?? 0) + Math.min(twoSampleBet(counts, share, oddsRatios[k] ?? 1), cap)
    }
  }
  for (let i = 0; i < 3; i++) vital.past[i] = (vital.past[i] ?? 0) + (vital.old[i] ?? 0)
  vital.old = [0, 0, 0]
  vital.new = [0, 0, 0]
}

/** ln E over all three. */
export function webVitalsEvidence(test: WebVitalsTest): number {
  if (!test.seen) return 0
  return logSumExp(vitalNames.map((name) => vitalEvidence(test, name))) - Math.log(vitalNames.length)
}

function vitalEvidence(test: WebVitalsTest, name: (typeof vitalNames)[number]): number {
  return logSumExp(test.vitals[name].sums) - Math.log(SIZE)
}
