import type { Sample } from '../model/sample.ts'
import type { JudgeAction, Reason, Verdict } from '../model/verdict.ts'

/**
 * The judge: pure functions over counts. `start` makes a state, `step` takes what became known in one second and
 * answers with a decision, `explain` puts the state into words. A state is plain JSON of at most 64 kB.
 */
export interface JudgeInput {
  /** Unix time of this second, in seconds; only differences matter. */
  readonly second: number
  /** Increments of the old release that became known, keyed by their second of arrival, or the first of those they cover. */
  readonly old: FleetInput
  readonly new: FleetInput
  /** Weight of the new release in force during this second, 0..1. */
  readonly weight: number
  readonly probes: readonly ProbeResult[]
  readonly capabilities: JudgeCapabilities
  /** Business events (orders, sign-ups): one per user, keyed by the arrival second of the visit. */
  readonly conversions?: readonly ConversionCount[]
  /** Page views with a Core Web Vital, one per user, keyed by the arrival second of the page view. */
  readonly webVitals?: readonly WebVitalCount[]
}

export interface ConversionCount {
  readonly from: number
  readonly release: 'old' | 'new'
  /** Weight of the new release when the visit began; absent: the weight of that second. */
  readonly weight?: number
  readonly count: number
}

export interface WebVitalCount {
  readonly from: number
  readonly release: 'old' | 'new'
  readonly metric: 'lcp' | 'inp' | 'cls'
  /** Page views rated good, needs improvement, poor (LCP 2.5 / 4 s, INP 200 / 500 ms, CLS 0.1 / 0.25). */
  readonly good: number
  readonly needsImprovement: number
  readonly poor: number
}

export interface FleetInput {
  readonly samples: readonly Sample[]
  /** Ids of live instances. */
  readonly instances: readonly string[]
}

/** A synthetic request of ours to one route of one release. */
export interface ProbeResult {
  readonly release: 'old' | 'new'
  readonly route: string
  readonly ok: boolean
}

export interface JudgeCapabilities {
  /** Smallest weight step that the router can do, 0..1; 0 = any. */
  readonly lowestWeight: number
  /** From the time at which an event becomes known to the changed weight. */
  readonly reactionSeconds: number
  /** Seconds that a sample of the router covers. Default: 1. */
  readonly sampleSeconds?: number
  /** From the end of those seconds until all of their samples are known. Default: 0. */
  readonly sampleLagSeconds?: number
  readonly perInstance: boolean
  /** Unit of random assignment; 'request' makes the routing guard sharper. Default: visitor. */
  readonly assignment?: 'visitor' | 'sticky' | 'request'
  /** False where the weight cannot be taken back: then only the robust tests act. Default: true. */
  readonly canLower?: boolean
}

export interface Decision {
  readonly action: JudgeAction
  /** Weight to set now, 0..1. */
  readonly weight: number
  /** Instances of the new release to replace by fresh ones before the judgement goes on. */
  readonly replace: readonly string[]
  readonly reasons: readonly Reason[]
  /** Set on `promote`, `roll-back` and on a `hold` that asks a person: false when the evidence did not suffice. */
  readonly conclusive?: boolean
  /** True when a person is to be asked (a confirmation stayed undecided). */
  readonly ask?: boolean
}

/** One interface for every judge: the shipped one, fixed steps, and the comparison judges of the bench. */
export interface Judge<State> {
  start(policy: JudgePolicy, history: History): State
  step(state: State, second: JudgeInput): { readonly state: State; readonly decision: Decision }
  explain(state: State): Verdict
}

/** Samples of the old release alone before the rollout, the last 30 minutes at most. */
export interface History {
  readonly samples: readonly Sample[]
  readonly instances: readonly string[]
}

/** Every figure that governs a judgement; made from a preset and overrides. Plain JSON. */
export interface JudgePolicy {
  readonly preset: 'careful' | 'balanced' | 'fast'
  /** Fixed weights in percent, each held for `stepSeconds`; absent: the ramp. */
  readonly steps?: readonly number[]
  readonly stepSeconds?: number
  /** Time that a canary needs at least before 100 %. */
  readonly observeSeconds: number
  /** Longest wait for evidence, then promoted with `conclusive: false`. */
  readonly maxWaitSeconds: number
  /** Failed requests that the ramp may risk during one reaction time (B). */
  readonly riskBudget: number
  /** Absolute limit on the share of bad requests, 0..1. */
  readonly absoluteLimit: number
  /** 'ramp' for canary; 'watch' for rolling, blue-green after the switch, and the bake: judges without a ramp of its own. */
  readonly mode: 'ramp' | 'watch'
  readonly onInconclusive: 'ask' | 'promote' | 'roll-back'
  readonly metrics: {
    readonly errors: boolean
    /** Ratio of failure rates that is tolerated, such as 1.5; absent: 1. */
    readonly errorTolerance?: number
    readonly latency: boolean
    /** Relative slow-down that is tolerated, such as 0.19. */
    readonly latencyTolerance?: number
    readonly business: boolean
    /** Share of conversions that may be lost, such as 0.05; absent: 0. */
    readonly businessTolerance?: number
    readonly webVitals: boolean
  }
  /** Chances of a wrong alarm or rollback that are accepted; absent: those of the preset. */
  readonly thresholds?: JudgeThresholds
  /** Probe these routes of the new release twice, cleanly, before any user gets there. */
  readonly probes?: { readonly routes: readonly string[]; readonly rounds: number }
  /** 'event-level': the fast test alone decides at 1 % (for comparison; fails under clustered errors). */
  readonly rule?: 'two-level' | 'event-level'
}

/** Each the accepted probability of acting on a healthy release; the evidence needed is 1 over it. */
export interface JudgeThresholds {
  /** Withdraw traffic for a second look (A1). */
  readonly retreat: number
  /** The second look confirms (A2). */
  readonly confirm: number
  /** The robust test alone rolls back (A). */
  readonly rollBack: number
  readonly latency: number
  readonly business: number
  readonly webVitals: number
}
