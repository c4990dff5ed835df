import type { Decision, Judge, JudgePolicy } from '../../src/judge/index.ts'
import { createFeed } from './feed.ts'
import { random } from './random.ts'
import { policyOf, type Scenario } from './scenario.ts'
import { createWorld, EPOCH } from './world.ts'

/** What one simulated rollout came to; times are those of decisions, in seconds from the start, null = never. */
export interface RunResult {
  readonly rolledBackAt: number | null
  readonly promotedAt: number | null
  /** First withdrawal of traffic, and the first one after the onset of the failure. */
  readonly protectedAt: number | null
  readonly protectedAfterOnsetAt: number | null
  readonly retreats: number
  readonly asked: boolean
  readonly failedRequests: number
  /** The same until the decision to roll back or to promote; of an undecided run all. */
  readonly failedAtDecision: number
  /** Requests of the new release until the rollback. */
  readonly requests: number
  /** True when a weight or a figure was not a number. */
  readonly broken: boolean
}

/**
 * One rollout. Second 0 is the first in which the first weight is in force; every later decision takes effect
 * `reactionSeconds` after the second it was made in.
 */
export function simulate<State>(judge: Judge<State>, scenario: Scenario, seed: number, run: number): RunResult {
  const world = createWorld(scenario, random(seed, run + 1))
  const policy: JudgePolicy = policyOf(scenario)
  const past = world.history()
  const feed = createFeed(scenario, past.samples, EPOCH, run)
  const history = { ...past, samples: feed.history }
  const { sampleSeconds = 1, sampleLagSeconds = 0, perInstance = true } = scenario
  const capabilities = {
    lowestWeight: 0,
    reactionSeconds: scenario.toldReactionSeconds ?? scenario.reactionSeconds,
    perInstance,
    assignment: 'request' as const,
    sampleSeconds,
    sampleLagSeconds,
  }
  let state = judge.start(policy, history)
  const nothing = { samples: [], instances: ['old-0', 'old-1'] }
  const first = judge.step(state, {
    second: EPOCH - 1,
    old: nothing,
    new: { samples: [], instances: ['new-0'] },
    weight: 0,
    probes: [],
    capabilities,
  })
  state = first.state
  const weights = new Float64Array(scenario.seconds + scenario.reactionSeconds + 2).fill(-1)
  const replacements = new Map<number, string[]>()
  const scheduled = new Set<string>()
  let weight = first.decision.weight
  const onset = scenario.new.fromSecond ?? 0
  const result = {
    rolledBackAt: null as number | null,
    promotedAt: null as number | null,
    protectedAt: null as number | null,
    protectedAfterOnsetAt: null as number | null,
    retreats: 0,
    asked: false,
    failedRequests: 0,
    failedAtDecision: 0,
    requests: 0,
    broken: false,
  }
  let last: Decision['action'] = 'ramp'
  for (let s = 0; s < scenario.seconds; s++) {
    const command = weights[s] ?? -1
    if (command >= 0) weight = command
    const replace = replacements.get(s)
    if (replace !== undefined) world.replace(replace)
    const seen = world.second(s, weight)
    result.failedRequests += seen.failedNew
    result.requests += seen.requestsNew
    if (result.rolledBackAt === null && result.promotedAt === null) result.failedAtDecision += seen.failedNew
    if (result.rolledBackAt !== null) {
      if (weight === 0) break
      continue
    }
    const answer = judge.step(state, {
      second: EPOCH + s,
      ...feed.pass(s, seen),
      weight,
      probes: [],
      capabilities,
      ...(seen.conversions.length === 0 ? {} : { conversions: seen.conversions }),
    })
    state = answer.state
    const { decision } = answer
    if (!Number.isFinite(decision.weight)) result.broken = true
    weights[s + 1 + scenario.reactionSeconds] = decision.weight
    const due = decision.replace.filter((id) => !scheduled.has(id))
    for (const id of due) scheduled.add(id)
    if (due.length > 0) replacements.set(s + 1 + scenario.reactionSeconds, due)
    const now = s + 1
    const withdraws = decision.action === 'retreat' || decision.action === 'roll-back'
    if (withdraws) {
      result.protectedAt ??= now
      if (now > onset) result.protectedAfterOnsetAt ??= now
    }
    if (decision.action === 'retreat' && last !== 'retreat') result.retreats += 1
    if (decision.action === 'roll-back') result.rolledBackAt = now
    if (decision.action === 'promote') result.promotedAt ??= now
    if (result.promotedAt !== null && scenario.untilPromoted === true) break
    if (decision.ask === true) result.asked = true
    last = decision.action
  }
  return result
}
