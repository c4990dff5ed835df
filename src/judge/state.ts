import type { JudgeAction } from '../model/verdict.ts'
import type { BusinessTest } from './business-test.ts'
import type { FastTest, LevelBets } from './fast-test.ts'
import type { Feed } from './feed.ts'
import type { JudgePolicy } from './judge.ts'
import type { LatencyBaseline } from './latency-baseline.ts'
import type { LatencyTest } from './latency-test.ts'
import type { LevelTest } from './level-test.ts'
import type { OldRate } from './old-rate.ts'
import type { ProbeWatch } from './probe-watch.ts'
import type { Exposure } from './ramp.ts'
import type { RatioSequence } from './ratio-sequence.ts'
import type { RobustTest } from './robust-test.ts'
import type { RouteWatch } from './route-watch.ts'
import type { RoutingGuard } from './routing-guard.ts'
import type { Seconds } from './seconds.ts'
import type { Suspects } from './suspects.ts'
import type { Timeline } from './timeline.ts'
import type { ToldWeights } from './told-weights.ts'
import type { WebVitalsTest } from './web-vitals-test.ts'

/**
 * Everything the judge remembers; plain JSON of at most 64 kB. `JSON.parse(JSON.stringify(state))` goes on identically.
 * A state has one owner: `step` consumes the state that it is given and answers with the next one. Keep a JSON copy to keep a past one.
 */
export interface JudgeState {
  readonly version: 2
  readonly policy: JudgePolicy
  readonly learned: Learned
  phase: Phase
  /** Unix second of the first step; null before it. */
  startedAt: number | null
  /** Second of the last step: what it decided acts on arrivals of the next one at the earliest. */
  wall: number
  /** The watermark: the newest second of which everything is known. Every look back and every wait counts from here. */
  now: number
  /** How news arrive, as told in the first step. */
  feed: Feed
  /** End of the newest block of which anything was reported. */
  reportedUntil: number
  told: ToldWeights
  /** Earliest second whose requests are in `seconds`. */
  countedFrom: number
  /** Seconds of observation: stands still while in doubt. */
  clock: number
  /** Only arrivals from this second on are observed: the clock does not run over what came before the last change of mind. */
  clockFrom: number
  /** Seconds that passed while late news held the ramp back: they are no wait for evidence. */
  heldBack: number
  /** Weight asked for. */
  weight: number
  /** 'watch': the weight that the engine has set outside of doubt. */
  watchWeight: number
  seconds: Seconds
  /** Old release in the last 30 s, as known at the end of the last step. */
  oldRecent: { requests: number; bad: number }
  fast: FastTest
  robust: RobustTest
  absolute: { alarm: LevelTest; alone: LevelTest }
  latency: LatencyTest | null
  business: BusinessTest
  webVitals: WebVitalsTest
  routes: RouteWatch
  routing: RoutingGuard
  probes: ProbeWatch
  ratio: RatioSequence
  exposure: Exposure
  /** Requests that the new release should have got by its weight since it last got one, or since the weight last rose. */
  missed: number
  totals: { old: Totals; new: Totals }
  /** True once samples tell answers apart from assignments (`statusClasses`). */
  answersKnown: boolean
  /** Instances that got requests, since which second: workers and idle copies say nothing about failures. */
  readonly served: Record<string, number>
  /** Recent failures per instance of the new release. */
  suspects: Suspects
  doubt: Doubt | null
  /** Old release above its ceiling since this second: growth is held for a while. */
  incidentSince: number | null
  marks: Marks
  timeline: Timeline
}

const phases = ['probing', 'open', 'withdrawn', 'confirming', 'promoted', 'rolled-back'] as const
export type Phase = (typeof phases)[number]

export interface Totals {
  requests: number
  bad: number
  /** After counting one per visitor and route. */
  distinct: number
}

/** What the old release's past taught. */
export interface Learned {
  old: OldRate
  bets: LevelBets
  readonly phi: number
  /** Live instances of the old release before the rollout. */
  readonly instances: number
  readonly requestsPerSecond: number
  readonly latency: LatencyBaseline | null
}

export type Cause = 'errors' | 'absolute' | 'latency' | 'probes' | 'route' | 'routing' | 'business' | 'web-vitals'

/** An alarm and the second look that it asked for. */
export interface Doubt {
  readonly cause: Cause
  /** Route whose failures raised it. */
  readonly route?: string
  /** Second of the alarm, and of the end of the withdrawal (null while withdrawn). */
  readonly alarmAt: number
  since: number | null
  readonly evidence: number
  /** Failure rate that the new release is suspected of (q̂). */
  readonly suspectedRate: number
  readonly weightBefore: number
  /** Instances to be replaced before the second look. */
  readonly replace: readonly string[]
  robust: RobustTest | null
  level: LevelTest | null
  latency: LatencyTest | null
  /** False when failures were opted out of. */
  readonly countsErrors: boolean
  /** ln of the evidence for "no worse than the old release". */
  cleared: number
  /** ln of the evidence for "no more failures than the old release has right now". */
  shared: number
  requests: number
  bad: number
  /** How much of those `cleared` has taken in. */
  counted: { requests: number; bad: number }
  /** Undecided for so long that a person is asked. */
  asked: boolean
}

export interface Marks {
  protectedAfter: number | null
  decidedAfter: number | null
  retreats: number
  conclusive: boolean
  cause: Cause | null
  /** How it was decided: which test spoke last. */
  decidedBy: string | null
  action: JudgeAction
  /** The reasons of the last decision that changed something. */
  because: string | null
}
