import { lateSeconds } from './feed.ts'
import type { JudgeInput } from './judge.ts'
import { firstWeightCap, riskWeight, routable, scarcity, upperBound, weightCap } from './ramp.ts'
import { isTrafficUnknown, rateNow, reportedWeight, requestRate, waited } from './rates.ts'
import type { JudgeState } from './state.ts'
import { isGap } from './watermark.ts'

/** 1 − δ of the ramp's upper bound. */
const RAMP_DELTA = 0.1
/** The evidence gate: promoted when at most this much more than the old release can still be failing. */
export const GATE_MARGIN = 0.01

export interface Growth {
  readonly upper: number
  readonly rateNow: number
  readonly requestsPerSecond: number
  /** Weight that the risk budget allows (and what was reported, where news come late), before caps by time. */
  readonly target: number
  /** The same, if every second were known at its end. */
  readonly punctualTarget: number
  readonly gateOpen: boolean
}

/** Everything that this second's weight depends on. */
export function growth(state: JudgeState, input: JudgeInput): Growth {
  const upper = upperBound(state.exposure.bad, state.exposure.requests, RAMP_DELTA)
  const now = rateNow(state)
  const requestsPerSecond = requestRate(state)
  const budget = state.policy.riskBudget
  const risk = { upper, rateNow: now, requestsPerSecond, budget }
  const { reactionSeconds } = input.capabilities
  const gateOpen = upper <= now + GATE_MARGIN
  const within = riskWeight({ ...risk, reactionSeconds: reactionSeconds + lateSeconds(state.feed) })
  const target = Math.max(within, doubledWeight(state, gateOpen))
  const punctualTarget = lateSeconds(state.feed) > 0 ? riskWeight({ ...risk, reactionSeconds }) : target
  return { upper, rateNow: now, requestsPerSecond, target, punctualTarget, gateOpen }
}

/**
 * With assignment by visitor a small weight may have chosen none of a few faithful visitors: they come again and again,
 * and nobody ever gets the new release. So many requests missing in a row are no chance any more (e^-10 by request).
 */
const NOBODY_CAME = 10

export interface NextWeight {
  readonly weight: number
  readonly promote: boolean
  readonly conclusive: boolean
}

/** The next weight while nothing is in doubt; it never falls. `held`: something common is wrong, so nothing grows. */
export function nextWeight(state: JudgeState, input: JudgeInput, now: Growth, held: boolean): NextWeight {
  const { policy } = state
  if (policy.mode === 'watch') return watched(state, now)
  if (policy.steps !== undefined && policy.steps.length > 0) return stepped(state, policy.steps, now, held)
  return ramped(state, input, now, held)
}

function ramped(state: JudgeState, input: JudgeInput, now: Growth, held: boolean): NextWeight {
  const { policy, clock } = state
  const { lowestWeight } = input.capabilities
  const reactionSeconds = input.capabilities.reactionSeconds + lateSeconds(state.feed)
  const level = scarcity(now.requestsPerSecond, reactionSeconds, policy.riskBudget)
  const cap = Math.max(weightCap(clock, policy.observeSeconds, level), lowestWeight)
  const first = state.weight === 0 ? firstWeightCap(level) : 1
  const widened = state.missed >= NOBODY_CAME ? 2 * reportedWeight(state) : 0
  const sensible = level === 'none' ? Math.max(now.target, widened) : 1
  const target = isTrafficUnknown(state) ? 0 : sensible
  const allowed = routable(Math.min(target, cap, first), lowestWeight)
  const weight = held ? Math.max(state.weight, routable(0, lowestWeight)) : Math.max(state.weight, allowed)
  const waitedEnough = waited(state) >= policy.maxWaitSeconds
  const isHalf = weight >= 0.5 && (lateSeconds(state.feed) === 0 || reportedWeight(state) >= 0.5)
  const observed = clock >= policy.observeSeconds && isHalf && now.gateOpen
  const promote = !held && (observed || waitedEnough)
  return { weight: promote ? 1 : weight, promote, conclusive: observed }
}

/**
 * What late news put at stake is more than any test could see, however good the release is; a budget of three failures would keep
 * it small for ever. With the evidence gate open the weight may be twice the one of which the newest figures tell, so it doubles
 * once per reaction time and never outruns what was reported.
 */
function doubledWeight(state: JudgeState, gateOpen: boolean): number {
  return lateSeconds(state.feed) > 0 && gateOpen ? 2 * reportedWeight(state) : 0
}

/** True while the ramp would be further if news came at once; what never comes is not waited for. */
export function isHeldBack(state: JudgeState, now: Growth): boolean {
  if (lateSeconds(state.feed) === 0 || isGap(state, state.now)) return false
  const cap = weightCap(state.clock, state.policy.observeSeconds, 'none')
  return state.doubt !== null || reportedWeight(state) < Math.min(now.punctualTarget, cap)
}

function stepped(state: JudgeState, steps: readonly number[], now: Growth, held: boolean): NextWeight {
  const index = Math.floor(state.clock / (state.policy.stepSeconds ?? 300))
  if (index >= steps.length && !held) return { weight: 1, promote: true, conclusive: now.gateOpen }
  const percent = steps[Math.min(index, steps.length - 1)] ?? 0
  return { weight: held ? state.weight : percent / 100, promote: false, conclusive: false }
}

/** The engine has set the weight; after a doubt the way back to it is the ramp's. */
function watched(state: JudgeState, now: Growth): NextWeight {
  const weight = Math.max(state.weight, Math.min(now.target, state.watchWeight))
  return { weight, promote: false, conclusive: now.gateOpen }
}
