import type { Hold } from '../model/holds.ts'
import type { Fleet } from '../model/instance.ts'
import type { ReleaseRecord, ReleaseTarget } from '../model/release.ts'
import type { Sample } from '../model/sample.ts'
import type { TrafficSplit, Weights } from '../model/traffic-split.ts'

/** Given to every call that may take time: it may be aborted and must end by the deadline. */
export interface CallOptions {
  readonly signal: AbortSignal
  readonly deadlineMs: number
}

/** Given to every mutation: it is refused under an older fence. */
export interface MutationOptions extends CallOptions {
  readonly fence: number
}

/**
 * Where one environment's instances run and how its traffic is moved. Every mutation is set-to: running it twice changes
 * nothing. What a place cannot do, its capabilities say.
 */
export interface Target {
  readonly capabilities: TargetCapabilities
  readonly fleets: Fleets
  readonly traffic: Traffic
  readonly witness: Witness
  readonly runner: Runner
  /** Brings an artifact to where instances are started from it, before any is; at once where it is there already. */
  deliver(artifact: string, options: CallOptions): Promise<void>
  /** What only the place can know of a release's settings (a free port): asked once per release, a part of its record. */
  resolve(settings: ReleaseTarget['settings'], options: CallOptions): Promise<ReleaseTarget['settings']>
}

export interface Fleets {
  /** What is really there now, whoever started it. */
  inspect(): Promise<FleetsState>
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
  /**
   * Drains, stops and removes a release's fleet; its immutable assets stay served. Refused while traffic leads to it.
   * Requests in flight are answered first; then the applications are told to stop while their streams still stand, and
   * have their grace to end them. One that ignores that loses them at its end.
   */
  retire(release: string, options: MutationOptions): Promise<Retired>
}

export interface Traffic {
  /** Resolves when the data plane routes by the split. Refused with `NO_READY_INSTANCE` when it would lead nowhere. */
  shift(split: TrafficSplit, options: MutationOptions): Promise<void>
  /** Makes requests of a service (absent: of all) wait, shows a maintenance page, or serves. */
  hold(order: Hold, options: CallOptions): Promise<void>
  /** Where people reach a release that serves, the preferred address first. */
  urls(release: ReleaseRecord): readonly string[]
  /** The split in force, and what the router sees of each release. */
  usage(): Promise<TrafficUsage>
}

/** What users would see. */
export interface Witness {
  /**
   * Increments from the cursor on, for ever, one batch as it becomes known; the first comes at once, be it empty. Ends
   * when the signal is aborted.
   */
  samples(query: SampleStreamQuery): AsyncIterable<SampleBatch>
  logs(query: LogQuery): AsyncIterable<LogLine>
  /**
   * One GET: of an instance of a release that may have no traffic yet, or by the public route as a new visitor. What a
   * service answers is an answer, whatever its status; no answer is told as one too. Redirects are not followed.
   */
  ask(whom: Whom, request: Question, options: CallOptions): Promise<Answer>
}

/** Runs a command of a release next to the application: a migration, a job, a console. */
export interface Runner {
  run(release: ReleaseRecord, order: RunOrder, options: CallOptions): Promise<Ran>
}

/** Inputs of the planner, the judge and the engine's patience, never a test of a name. */
export interface TargetCapabilities {
  readonly weights: Weights
  readonly canLower: boolean
  readonly assignment: 'visitor' | 'sticky' | 'request'
  readonly perInstance: boolean
  /** Width of a sample. */
  readonly sampleSeconds: number
  /** From the end of a sample's window until it is known. */
  readonly sampleLagSeconds: number
  /** From an order until all users are served by it. */
  readonly reactionSeconds: number
  readonly warmStandby: boolean
  /** The platform fuses launch, shift and retire: we gate and verify. */
  readonly ownsShift: boolean
  /** `ask` reaches a release that gets no traffic yet. */
  readonly previews: boolean
  readonly pace: Pace
}

/** How long things take here; nobody else knows a time of a place. */
export interface Pace {
  /** Between two looks that may show something new. */
  readonly inspectMs: number
  /** Of a launch, over and above the time that each instance has to become ready. */
  readonly launchMs: number
  /** Until an order is in force on every router, at most. */
  readonly shiftMs: number
  /** After that, until a release that was left gets no stragglers any more. */
  readonly quietMs: number
}

export interface FleetsState {
  readonly fleets: readonly Fleet[]
  readonly fence: number
}

export interface TrafficUsage {
  /** Null: the router knows nothing of this environment. */
  readonly split: TrafficSplit | null
  readonly releases: Readonly<Record<string, ReleaseUsage>>
}

export interface ReleaseUsage {
  readonly inFlight: number
  readonly lastRequestAt: string | null
  readonly healthyInstances: number
}

export interface SampleStreamQuery {
  readonly after?: string
  readonly signal: AbortSignal
}

export interface SampleBatch {
  readonly samples: readonly Sample[]
  readonly cursor: string
}

export interface Retired {
  readonly stopped: readonly string[]
  /** Requests and streams that were open at the end of the grace, or that an application dropped without a goodbye. */
  readonly cut: number
}

export interface LogQuery {
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

export type Whom =
  | { readonly route: 'public'; readonly release: ReleaseRecord }
  /** One instance, where the place can address it; absent or elsewhere: any of the service. */
  | { readonly route: 'preview'; readonly release: ReleaseRecord; readonly instance?: string }

export interface Question {
  readonly service: string
  readonly path: string
}

export interface Answer {
  /** Null: no answer. */
  readonly status: number | null
  /** Which release answered, as the router says; null: none of ours, or nobody. */
  readonly release: string | null
  /** For a person: `404 from r3`, `no connection`. */
  readonly detail: string
}

export interface RunOrder {
  /** Whose folder, user and environment it runs with. */
  readonly service: string
  readonly argv: readonly [string, ...string[]]
  /** Over those of the release. */
  readonly env?: Readonly<Record<string, string>>
  /** Raw output, as it comes. */
  readonly onOutput: (chunk: Buffer, from: 'stdout' | 'stderr') => void
  /** Aborted: the command is asked to end (SIGTERM), and waited for. */
  readonly asked?: AbortSignal
}

export interface Ran {
  /** Null: it was killed. */
  readonly exitCode: number | null
}
