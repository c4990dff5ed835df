import { guessRate } from './old-rate.ts'
import { recent } from './seconds.ts'
import type { JudgeState } from './state.ts'

/** The old release's failure rate now: p̂, or what its last 30 s show when they are worse and more than 200 requests. */
export function rateNow(state: JudgeState): number {
  const { requests, bad } = state.oldRecent
  const known = state.learned.old.rate
  return requests > 200 ? Math.max(known, bad / requests) : known
}

/** All requests per second: the last 30 s, filled up from the history while less than that was seen. */
export function requestRate(state: JudgeState): number {
  const now = Math.floor(state.now)
  const { requestsOld, requestsNew } = recent(state.seconds, now, 30)
  const seen = state.startedAt === null ? 0 : Math.min(30, now - state.startedAt + 1)
  return (requestsOld + requestsNew + state.learned.requestsPerSecond * (30 - seen)) / 30
}

/** Failure rate of one route of the old release, from what was seen since the start. */
export function routeRate(requestsOld: number, badOld: number): number {
  return guessRate(badOld, requestsOld)
}

/** Seconds since the start of the judgement, the present one included. */
export function elapsed(state: JudgeState): number {
  return state.startedAt === null ? 0 : state.now - state.startedAt + 1
}
