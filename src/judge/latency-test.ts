import { type LatencyHistogram, latencyUpperBoundMs } from '../model/sample.ts'
import type { Feed } from './feed.ts'
import type { LatencyBaseline } from './latency-baseline.ts'
import { logSumExp } from './numbers.ts'
import type { Arrivals } from './robust-test.ts'
import { spread } from './spread.ts'

/**
 * Slower? Five thresholds T (the old release's p50 to p99 before the rollout); a request of the new release counts as slow
 * above γ·T, one of the old above T, where γ is the slow-down that is tolerated. H0: at every T the new release has no larger
 * share of slow requests. Per block of 5 s, threshold and odds ratio, with p the old share (history), q the share that the
 * odds ratio makes of it and m = (N_n·q + N_o·p)/(N_n + N_o):
 *   ln e = Y_n ln(q/m) + (N_n−Y_n) ln((1−q)/(1−m)) + Y_o ln(p/m) + (N_o−Y_o) ln((1−p)/(1−m))
 * An e-value whatever the common share is, and however it drifts (Turner, Ly, Grünwald, arXiv 2106.02693); a wrong p only
 * costs power. No block gives more than a third of the evidence that is needed.
 */
export interface LatencyTest {
  readonly from: number
  readonly cap: number
  /** ln of evidence per threshold and odds ratio. */
  readonly sums: number[]
  /** 5 s, or what the router counts at once. */
  readonly blockSeconds: number
  /** How many blocks stay correctable. */
  readonly kept: number
  blocks: LatencyBlock[]
}

interface LatencyBlock {
  readonly index: number
  /** Buckets by which the thresholds of the new release are shifted, fixed before the block is seen. */
  readonly shift: number
  old: number
  new: number
  readonly slowOld: number[]
  readonly slowNew: number[]
  /** Assigned, and not answered yet. */
  pendingOld: number
  pendingNew: number
  given: number[] | null
  /** So long ago that whatever is pending is slow by any threshold. */
  waited: boolean
}

const thresholdPrior = [0.1, 0.3, 0.1, 0.2, 0.3] as const
const oddsRatios = [1.4, 2, 3.5, 8] as const
const oddsPrior = [0.3, 0.3, 0.25, 0.15] as const
const logPrior = thresholdPrior.flatMap((a) => oddsPrior.map((b) => Math.log(a * b)))
const SIZE = logPrior.length

const BLOCK_SECONDS = 5
const BLOCKS_KEPT = 8
/** Two hours in milliseconds; no request takes longer. */
const LAST_BUCKET = 184

export function startLatencyTest(second: number, cap: number, feed: Feed): LatencyTest {
  const blockSeconds = Math.max(BLOCK_SECONDS, feed.blockSeconds)
  const kept = BLOCKS_KEPT + Math.ceil(feed.lagSeconds / blockSeconds)
  return { from: second, cap, sums: Array.from({ length: SIZE }, () => 0), blockSeconds, kept, blocks: [] }
}

/**
 * γ as a shift in buckets of 2^(1/8) (1 = 9 %, 2 = 19 %, 3 = 30 %): the tolerance of the policy, raised so that ordinary
 * differences between instances (sd σ of ln p90) are not taken for the release: γ ≥ exp(2σ/√instances).
 */
export function toleratedShift(tolerance: number, instanceSpread: number, newInstances: number): number {
  const asked = Math.log2(1 + tolerance) * 8
  const noise = ((2 * instanceSpread) / Math.sqrt(Math.max(newInstances, 1)) / Math.LN2) * 8
  return Math.max(0, Math.ceil(Math.max(asked, noise) - 0.06))
}

export function addLatency(
  test: LatencyTest,
  { from, seconds, release }: Arrivals,
  histogram: LatencyHistogram,
  baseline: LatencyBaseline,
  shift: number,
): void {
  const raised = release === 'new'
  eachBlock(test, from, seconds, shift, (block, share) => {
    const slow = raised ? block.slowNew : block.slowOld
    block[release] += addSlow(slow, histogram, baseline, { raised, shift: block.shift, share })
    reopen(test, block)
  })
}

/** The blocks to which requests of so many seconds belong; who is not longer than a block counts in the one in which it begins. */
function eachBlock(
  test: LatencyTest,
  from: number,
  seconds: number,
  shift: number,
  visit: (block: LatencyBlock, share: number) => void,
): void {
  const { blockSeconds } = test
  const visitAt = (index: number, share: number) => {
    const block = index < 0 ? undefined : blockAt(test, index, shift)
    if (block !== undefined) visit(block, share)
  }
  if (seconds <= blockSeconds) visitAt(Math.floor((from - test.from) / blockSeconds), 1)
  else spread(from, seconds, { origin: test.from, width: blockSeconds }, visitAt)
}

/**
 * Adds to each threshold's slow requests those of the histogram, in one walk from bucket to bucket over the thresholds; answers
 * how many requests it holds. Runs for every instance and second, and takes the largest part of a step: no objects are made.
 */
function addSlow(
  slow: number[],
  histogram: LatencyHistogram,
  baseline: LatencyBaseline,
  { raised, shift, share }: { readonly raised: boolean; readonly shift: number; readonly share: number },
): number {
  const counts = Object.values(histogram)
  let total = 0
  for (const count of counts) total += count
  // By index, until every bucket was met: reading keys as text would cost more than all the rest of a step.
  let left = counts.length
  let bucket = Number.NaN
  let limit = Number.NEGATIVE_INFINITY
  for (let threshold = 0; threshold <= slow.length && left > 0; threshold++) {
    const at = baseline.buckets[threshold] ?? 0
    limit = raised ? Math.max(limit, at + Math.max(shift, baseline.leastShifts[threshold] ?? 0)) : at
    if (threshold === 0) bucket = Math.min(0, limit + 1)
    const until = threshold === slow.length ? LAST_BUCKET : Math.min(limit, LAST_BUCKET)
    let between = 0
    for (; bucket <= until && left > 0; bucket++) {
      const count = histogram[bucket]
      if (count === undefined) continue
      left -= 1
      between += count
    }
    if (between === 0) continue
    for (let below = 0; below < threshold; below++) slow[below] = (slow[below] ?? 0) + between * share
  }
  return total * share
}

/** Thresholds of the new release, rising. */
function raisedThresholds(baseline: LatencyBaseline, shift: number): number[] {
  let least = Number.NEGATIVE_INFINITY
  return baseline.buckets.map((bucket, j) => {
    least = Math.max(least, bucket + Math.max(shift, baseline.leastShifts[j] ?? 0))
    return least
  })
}

/**
 * Requests assigned less requests answered: who hangs has no latency yet, but is slow as soon as the largest threshold has
 * passed. Without this a release that answers nothing would look clean until its time-outs.
 */
export function addPending(
  test: LatencyTest,
  { from, seconds, release }: Arrivals,
  difference: number,
  shift: number,
): void {
  if (difference === 0) return
  eachBlock(test, from, seconds, shift, (block, share) => {
    if (release === 'new') block.pendingNew += difference * share
    else block.pendingOld += difference * share
    if (block.waited) reopen(test, block)
  })
}

/** A block that was taken in has changed: its evidence is given back, and taken in anew. */
function reopen(test: LatencyTest, block: LatencyBlock): void {
  if (block.given === null) return
  for (let j = 0; j < SIZE; j++) test.sums[j] = (test.sums[j] ?? 0) - (block.given[j] ?? 0)
  block.given = null
}

function blockAt(test: LatencyTest, index: number, shift: number): LatencyBlock | undefined {
  for (let i = test.blocks.length - 1; i >= 0; i--) if (test.blocks[i]?.index === index) return test.blocks[i]
  const last = test.blocks.at(-1)
  if (last !== undefined && index < last.index) return undefined
  const zeros = () => thresholdPrior.map(() => 0)
  const block: LatencyBlock = {
    index,
    shift,
    old: 0,
    new: 0,
    slowOld: zeros(),
    slowNew: zeros(),
    pendingOld: 0,
    pendingNew: 0,
    given: null,
    waited: false,
  }
  test.blocks.push(block)
  if (test.blocks.length > test.kept) test.blocks.shift()
  return block
}

/** Takes in the blocks that have ended. */
export function closeLatencyBlocks(test: LatencyTest, second: number, baseline: LatencyBaseline): void {
  for (const block of test.blocks) {
    const end = test.from + (block.index + 1) * test.blockSeconds
    if (end > second + 1) continue
    if (!block.waited && second + 1 >= end + patienceSeconds(baseline, block.shift)) {
      block.waited = true
      if (block.pendingOld > 0 || block.pendingNew > 0) reopen(test, block)
    }
    if (block.given !== null) continue
    const pendingNew = block.waited ? Math.max(0, block.pendingNew) : 0
    const pendingOld = block.waited ? Math.max(0, block.pendingOld) : 0
    const given: number[] = []
    for (let j = 0; j < thresholdPrior.length; j++) {
      const counts = {
        slowNew: (block.slowNew[j] ?? 0) + pendingNew,
        new: block.new + pendingNew,
        slowOld: (block.slowOld[j] ?? 0) + pendingOld,
        old: block.old + pendingOld,
      }
      for (const odds of oddsRatios) {
        given.push(Math.min(twoSampleBet(counts, baseline.shares[j] ?? 0.5, odds), test.cap))
      }
    }
    for (let j = 0; j < SIZE; j++) test.sums[j] = (test.sums[j] ?? 0) + (given[j] ?? 0)
    block.given = given
  }
}

/** After this a pending request is slower than the largest threshold; a second more for news under way. */
function patienceSeconds(baseline: LatencyBaseline, shift: number): number {
  return Math.ceil(latencyUpperBoundMs(raisedThresholds(baseline, shift).at(-1) ?? 0) / 1000) + 1
}

/** ln of one bet that the odds of being slow are `odds` times those of the old release. */
export function twoSampleBet(
  counts: { readonly slowNew: number; readonly new: number; readonly slowOld: number; readonly old: number },
  share: number,
  odds: number,
): number {
  if (counts.new === 0 || counts.old === 0) return 0
  const p = share
  const q = (odds * p) / (1 - p + odds * p)
  const m = (counts.new * q + counts.old * p) / (counts.new + counts.old)
  return (
    counts.slowNew * Math.log(q / m) +
    (counts.new - counts.slowNew) * Math.log((1 - q) / (1 - m)) +
    counts.slowOld * Math.log(p / m) +
    (counts.old - counts.slowOld) * Math.log((1 - p) / (1 - m))
  )
}

/** ln E, averaged over thresholds and odds ratios. */
export function latencyEvidence(test: LatencyTest): number {
  return logSumExp(test.sums.map((sum, j) => sum + (logPrior[j] ?? 0)))
}

/** Which quantile tells most: 0 = p50 … 4 = p99. */
export function slowestQuantile(test: LatencyTest): 'p50' | 'p75' | 'p90' | 'p95' | 'p99' {
  let best = 0
  for (let j = 1; j < SIZE; j++) {
    if ((test.sums[j] ?? 0) + (logPrior[j] ?? 0) > (test.sums[best] ?? 0) + (logPrior[best] ?? 0)) best = j
  }
  return (['p50', 'p75', 'p90', 'p95', 'p99'] as const)[Math.floor(best / oddsRatios.length)] ?? 'p50'
}
