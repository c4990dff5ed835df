import { lateSeconds } from './feed.ts'
import type { JudgeInput } from './judge.ts'
import type { JudgeState } from './state.ts'

/** So many requests do not stay away by chance: nothing was reported, which is not the same as nobody came. */
const NO_CHANCE = 20
/** A punctual router may tell of a second a moment after the judge has asked. */
const MOMENT_SECONDS = 5
/** A service that is really deserted is judged on, so much later. */
const PATIENCE_SECONDS = 600

/**
 * The judge's clock: the newest second of which everything is known. Figures that come late are not taken for silence, and time
 * that was not reported is neither observed nor waited for. A punctual feed has the second itself.
 */
export function watermark(state: JudgeState, second: number): number {
  const { feed, reportedUntil } = state
  const late = lateSeconds(feed)
  if (late === 0) return second
  const due = second - late
  const reported = Math.min(reportedUntil, second + 1 - feed.lagSeconds) - 1
  const mark = isGap(state, due) ? Math.max(reported, due - PATIENCE_SECONDS) : Math.max(reported, due)
  return Math.max(state.now, mark)
}

/** True when nothing was reported up to this second although requests must have come. */
export function isGap({ feed, reportedUntil, learned }: JudgeState, second: number): boolean {
  const silent = second - (reportedUntil - 1)
  if (lateSeconds(feed) === 0 && silent < MOMENT_SECONDS) return false
  return silent * learned.requestsPerSecond >= NO_CHANCE
}

/** End of the newest block of which anything was reported. */
export function newestEnd(input: JudgeInput, before: number): number {
  let end = before
  for (const { samples } of [input.old, input.new]) {
    for (const sample of samples) end = Math.max(end, sample.from + sample.seconds)
  }
  return end
}
