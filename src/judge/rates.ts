import { lateSeconds } from './feed.ts'
import { guessRate } from './old-rate.ts'
import { recent } from './seconds.ts'
import type { JudgeState } from './state.ts'
import { weightOver } from './told-weights.ts'
import { isGap } from './watermark.ts'

/** The old release's failure rate now: p̂, or what its last 30 s show when they are worse and more than 200 requests. */
export function rateNow(state: JudgeState): number {
  const { requests, bad } = state.oldRecent
  const known = state.learned.old.rate
  return requests > 200 ? Math.max(known, bad / requests) : known
}

/**
 * All requests per second: the last 30 s that are known, filled up from the history while less than that was seen. A gap in the
 * reports is no end of the traffic: who gets no requests would get a large weight at once.
 */
export function requestRate(state: JudgeState): number {
  const now = Math.floor(isGap(state, state.now) ? state.reportedUntil - 1 : state.now)
  const known = state.learned.requestsPerSecond
  const { requestsOld, requestsNew, length } = recent(state.seconds, now, 30)
  const seen = state.startedAt === null ? 0 : Math.max(0, Math.min(length, now - state.countedFrom + 1))
  return (requestsOld + requestsNew + known * (length - seen)) / length
}

/** Failure rate of one route of the old release, from what was seen since the start. */
export function routeRate(requestsOld: number, badOld: number): number {
  return guessRate(badOld, requestsOld)
}

/** True until the first figures, where the past told nothing: no news of requests is not news of few. */
export function isTrafficUnknown(state: JudgeState): boolean {
  return lateSeconds(state.feed) > 0 && state.learned.requestsPerSecond === 0 && state.now < state.countedFrom
}

/** Seconds since the start of the judgement, the present one included. */
export function elapsed(state: JudgeState): number {
  return state.startedAt === null ? 0 : state.wall - state.startedAt + 1
}

/** Seconds of which everything is known, without those in which late news held the ramp back. */
export function waited(state: JudgeState): number {
  return state.startedAt === null ? 0 : state.now - state.startedAt + 1 - state.heldBack
}

/** The largest weight of which a whole block is known; the present one where news come at once. */
export function reportedWeight(state: JudgeState): number {
  if (lateSeconds(state.feed) === 0) return state.weight
  return weightOver(state.told, Math.floor(state.now) - state.feed.blockSeconds + 1)
}
