import type { TrafficSplit } from '../edge/edge.ts'
import type { Fleet } from '../model/instance.ts'
import type { ReleaseRecord } from '../model/release.ts'
import type { Sample } from '../model/sample.ts'

/** Given to every mutation: it may be aborted, must end by the deadline, and is refused under an older fence. */
export interface MutationOptions {
  readonly signal: AbortSignal
  readonly deadlineMs: number
  readonly fence: number
}

/** Where instances run and how traffic is moved. Every mutation is set-to: running it twice changes nothing. */
export interface Target {
  readonly capabilities: TargetCapabilities
  /** What is really there now, whoever started it. */
  inspect(environment: string): Promise<EnvironmentState>
  /**
   * Creates, adopts, grows or shrinks the fleet until each named service has its count of *ready* instances;
   * services not named stay as they are. Instances in `replace` get fresh successors first and are then retired.
   * Shrinking drains. Throws `INSTANCE_NEVER_READY`, `INSTANCE_NOT_LISTENING`, `INSTANCE_CRASHED`, `INSTANCE_UNHEALTHY`
   * (details: `instance`, `exitCode`, `logTail`), `NO_PORT`.
   */
  scale(
    release: ReleaseRecord,
    counts: Readonly<Record<string, number>>,
    options: MutationOptions & { readonly replace?: readonly string[] },
  ): Promise<Fleet>
  /** Resolves when the data plane routes by the split. Refused with `NO_READY_INSTANCE` when it would lead nowhere. */
  shift(environment: string, split: TrafficSplit, options: MutationOptions): Promise<void>
  /**
   * Drains, stops and removes a release's fleet; its immutable assets stay served. Refused while traffic leads to it.
   * Requests in flight are answered first; then the applications are told to stop while their streams still stand, and
   * have their grace to end them. One that ignores that loses them at its end.
   */
  retire(environment: string, release: string, options: MutationOptions): Promise<Retired>
  /**
   * Increments from the cursor on, for ever, one batch as it becomes known; the first comes at once, be it empty. Ends when
   * the signal is aborted.
   */
  samples(environment: string, query: SampleStreamQuery): AsyncIterable<SampleBatchOfTarget>
  logs(query: LogQuery): AsyncIterable<LogLine>
}

/** Inputs of the planner and the judge, never a test of a name. */
export interface TargetCapabilities {
  readonly name: string
  readonly weights: 'any' | 'steps' | 'none'
  readonly canLower: boolean
  readonly assignment: 'visitor' | 'sticky' | 'request'
  readonly perInstance: boolean
  readonly sampleSeconds: number
  readonly reactionSeconds: number
  readonly warmStandby: boolean
  /** The platform fuses launch, shift and retire: we gate and verify. */
  readonly ownsShift: boolean
}

export interface EnvironmentState {
  readonly environment: string
  readonly fleets: readonly Fleet[]
  /** Null: the router knows nothing of this environment. */
  readonly split: TrafficSplit | null
  readonly fence: number
  /** Public addresses, the preferred one first. */
  readonly urls: readonly string[]
  /** Per release, as the router saw it. */
  readonly traffic: Readonly<Record<string, ReleaseTraffic>>
}

export interface ReleaseTraffic {
  /** Requests through the public route since the release became known to the router. */
  readonly requests: number
  readonly inFlight: number
  readonly lastRequestAt: string | null
  readonly healthyInstances: number
}

export interface SampleStreamQuery {
  readonly after?: string
  readonly signal: AbortSignal
}

export interface SampleBatchOfTarget {
  readonly samples: readonly Sample[]
  readonly cursor: string
}

export interface Retired {
  readonly stopped: readonly string[]
  /** Requests and streams that were open at the end of the grace, or that an application dropped without a goodbye. */
  readonly cut: number
}

export interface LogQuery {
  readonly environment: string
  readonly service?: string
  readonly release?: string
  /** Lines from the end of each log before following. */
  readonly tail: number
  readonly follow: boolean
  readonly signal: AbortSignal
}

export interface LogLine {
  readonly instance: string
  readonly service: string
  readonly release: string
  readonly line: string
}
