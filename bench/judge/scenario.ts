import { type JudgePolicy, type PolicyOverrides, policyFrom } from '../../src/judge/index.ts'

/** One simulated world and the policy that judges in it. */
export interface Scenario {
  readonly id: string
  /** Horizon of a run. */
  readonly seconds: number
  readonly requestsPerSecond: number
  /** Instances in all; at weight w the new release has round(instances·w) of them, each release at least 1. */
  readonly instances: number
  /** From a decision to its effect. */
  readonly reactionSeconds: number
  /** What the judge is told of it; absent: the truth. */
  readonly toldReactionSeconds?: number
  /** Seconds that the router counts at once, and until it tells; absent: every second, at its end. The judge is told so. */
  readonly sampleSeconds?: number
  readonly sampleLagSeconds?: number
  /** False: the router counts by release only. */
  readonly perInstance?: boolean
  /** Both releases keep all `instances` at any weight, as on one machine. */
  readonly fullFleets?: boolean
  /** Time that the old release served alone before; absent: 1,800. */
  readonly historySeconds?: number
  readonly old: { readonly errorRate: number }
  /** `oneInstance`: only the first instance is bad, until it is replaced. */
  readonly new: { readonly errorRate?: number; readonly fromSecond?: number; readonly oneInstance?: boolean }
  readonly noise: readonly Noise[]
  /** Ends a run with its promotion; absent: what comes after it counts too. */
  readonly untilPromoted?: boolean
  readonly latency?: LatencyChange
  readonly conversions?: { readonly rate: number; readonly drop: number }
  /** `default` = ramp, `fixed` = 5/25/50/100 % for 300 s each, `event-level` = the fast test at 1 % alone, or overrides. */
  readonly policy: 'default' | 'fixed' | 'event-level' | PolicyOverrides
}

export type Noise =
  | { readonly type: 'common-drift'; readonly factor: number }
  | { readonly type: 'common-outage'; readonly rate: number; readonly seconds: number; readonly everySeconds: number }
  | { readonly type: 'retry-clusters'; readonly mean: number }
  | { readonly type: 'instance-bursts'; readonly rate: number; readonly seconds: number; readonly everySeconds: number }
  | { readonly type: 'instance-log-ar'; readonly sd: number; readonly tauSeconds: number }
  | { readonly type: 'instance-heterogeneity'; readonly sd: number }
  /** Lognormal factor on each instance's latencies; needs `latency`. */
  | { readonly type: 'instance-latency'; readonly sd: number }

/** Change of the new release against the lognormal base (median 100 ms, σ 0.6, 2 % six times slower); {} = none. */
export interface LatencyChange {
  readonly factor?: number
  readonly slowShare?: number
  readonly slowSeconds?: number
}

/** The weights of every fixed-step policy here: 5, 25 and 50 % for five minutes each, then all. */
const fixedSteps = { steps: [5, 25, 50], stepSeconds: 300 } as const

export function policyOf(scenario: Scenario): JudgePolicy {
  switch (scenario.policy) {
    case 'default':
      return policyFrom()
    case 'fixed':
      return policyFrom(fixedSteps)
    case 'event-level':
      return policyFrom({ ...fixedSteps, rule: 'event-level' })
    default:
      return policyFrom(scenario.policy)
  }
}
