import type { JudgeInput } from './judge.ts'
import { firstWeightCap, riskWeight, routable, scarcity, upperBound, weightCap } from './ramp.ts'
import { elapsed, rateNow, requestRate } from './rates.ts'
import type { JudgeState } from './state.ts'

/** 1 − δ of the ramp's upper bound. */
export const RAMP_DELTA = 0.1
/** The evidence gate: promoted when at most this much more than the old release can still be failing. */
export const GATE_MARGIN = 0.01

export interface Growth {
  readonly upper: number
  readonly rateNow: number
  readonly requestsPerSecond: number
  /** Weight that the risk budget allows, before caps by time. */
  readonly target: number
  readonly gateOpen: boolean
}

/** Everything that this second's weight depends on. */
export function growth(state: JudgeState, input: JudgeInput): Growth {
  const upper = upperBound(state.exposure.bad, state.exposure.requests, RAMP_DELTA)
  const now = rateNow(state)
  const requestsPerSecond = requestRate(state)
  const target = riskWeight({
    upper,
    rateNow: now,
    requestsPerSecond,
    reactionSeconds: input.capabilities.reactionSeconds,
    budget: state.policy.riskBudget,
  })
  return { upper, rateNow: now, requestsPerSecond, target, gateOpen: upper <= now + GATE_MARGIN }
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
  const { lowestWeight, reactionSeconds } = input.capabilities
  const level = scarcity(now.requestsPerSecond, reactionSeconds, policy.riskBudget)
  const cap = Math.max(weightCap(clock, policy.observeSeconds, level), lowestWeight)
  const first = state.weight === 0 ? firstWeightCap(level) : 1
  const widened = state.missed >= NOBODY_CAME ? 2 * state.weight : 0
  const target = level === 'none' ? Math.max(now.target, widened) : 1
  const allowed = routable(Math.min(target, cap, first), lowestWeight)
  const weight = held ? Math.max(state.weight, routable(0, lowestWeight)) : Math.max(state.weight, allowed)
  const waitedEnough = elapsed(state) >= policy.maxWaitSeconds
  const observed = clock >= policy.observeSeconds && weight >= 0.5 && now.gateOpen
  const promote = !held && (observed || waitedEnough)
  return { weight: promote ? 1 : weight, promote, conclusive: observed }
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
