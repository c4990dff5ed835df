import type { DeploymentKind, Question, Waiting } from '../model/activity.ts'
import type { Actor } from '../model/actor.ts'
import type { DeployRequest } from '../model/deploy-request.ts'
import type { DeploymentState } from '../model/deployment.ts'
import type { SerializedError } from '../model/error.ts'
import type { Event } from '../model/event.ts'
import type { Hold, HoldMode } from '../model/holds.ts'
import type { Fleet } from '../model/instance.ts'
import type { ReleaseRecord } from '../model/release.ts'
import type { ReleaseState } from '../model/release-state.ts'
import type { Sample } from '../model/sample.ts'
import type { Verdict } from '../model/verdict.ts'
import type { LogLine } from '../targets/target.ts'

/** What the API offers, noun by noun. The API translates HTTP into these calls and nothing more. */
export interface Engine {
  readonly deployments: Deployments
  readonly releases: Releases
  readonly environments: Environments
  readonly projects: Projects
  readonly secrets: Secrets
  readonly events: Events
}

export interface Deployments {
  /**
   * Evaluates the configuration from the source, records the deployment and starts its workflow; the same idempotency key
   * gives the same deployment. What is wrong with the source is thrown before anything is recorded.
   */
  deploy(actor: Actor, request: DeployRequest, signal?: AbortSignal): Promise<Deployment>
  /** To the warm fleet by one weight change, to another kept release by launching it first. Never blocked. */
  rollback(actor: Actor, request: RollbackRequest): Promise<Deployment>
  /** Says beforehand whether a rollback would work; touches nothing. */
  checkRollback(environment: string, release?: string): Promise<RollbackCheck>
  /** A message to the workflow, not a kill. */
  cancel(actor: Actor, deployment: string): Promise<Deployment>
  /** Answers an interruption (`ask`): a person promotes or rolls back. */
  answer(actor: Actor, deployment: string, answer: string): Promise<Deployment>
  /** Ends what remains of a canary's or a bake's wait; throws `STATE_CONFLICT` where nothing waits. */
  promote(actor: Actor, environment: string): Promise<PromotionAsked>
  get(deployment: string): Promise<Deployment>
  list(query: ListQuery): Promise<Page<Deployment>>
  /** The same without what takes long to read. */
  summaries(query: ListQuery): Promise<Page<DeploymentSummary>>
}

export interface Releases {
  list(query: ListQuery): Promise<Page<Release>>
  get(release: string): Promise<Release>
}

export interface Environments {
  list(): Promise<readonly Environment[]>
  /** The same without a look at what runs. */
  summaries(): Promise<readonly EnvironmentSummary[]>
  /** Key (`social.production`) or short name where it is unique; throws `ENVIRONMENT_UNKNOWN` with the nearest names. */
  get(environment: string): Promise<Environment>
  /** The key of what `get` would find. */
  keyOf(environment: string): Promise<string>
  logs(query: {
    readonly environment: string
    readonly service?: string
    readonly release?: string
    readonly tail: number
    readonly follow: boolean
    readonly signal: AbortSignal
  }): AsyncIterable<LogLine>
  samples(
    environment: string,
    after?: string,
  ): Promise<{ readonly samples: readonly Sample[]; readonly cursor: string }>
  /** `wait` holds requests, `maintenance` answers 503 with a page, `off` serves. */
  hold(actor: Actor, environment: string, mode: HoldMode, service?: string): Promise<void>
}

export interface Projects {
  list(): Promise<readonly Project[]>
}

export interface Project {
  readonly name: string
  /** Where it was deployed from last, on this machine. */
  readonly directory: string
  /** Address of its repository, without credentials. */
  readonly repository: string | null
  readonly createdAt: string
}

export interface Secrets {
  set(actor: Actor, environment: string, name: string, value: string): Promise<SecretInfo>
  list(environment: string): Promise<readonly SecretInfo[]>
  remove(actor: Actor, environment: string, name: string): Promise<void>
}

export interface Events {
  /** Rows after the sequence number, then live ones for ever; ends with the signal. */
  stream(query: {
    readonly after: number | 'now'
    readonly deployment?: string
    readonly environment?: string
    readonly signal: AbortSignal
  }): AsyncIterable<Event>
}

export interface ListQuery {
  readonly environment?: string
  readonly cursor?: string
  readonly limit: number
}

export interface Page<Item> {
  readonly items: readonly Item[]
  readonly nextCursor: string | null
}

export interface RollbackRequest {
  readonly environment: string
  /** Absent: the release that served before. */
  readonly release?: string
  readonly reason?: string
  readonly idempotencyKey?: string
}

/** What is unknown when the wait ends now, sentence by sentence. */
export interface PromotionAsked {
  readonly deployment: Deployment
  readonly unknown: readonly string[]
}

export interface RollbackCheck {
  readonly environment: string
  readonly possible: boolean
  readonly from: string | null
  readonly to: string | null
  /** `warm`: one weight change; `launch`: the fleet is started first. */
  readonly way: 'warm' | 'launch' | null
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[]
  /** Measured time of the last rollback here, from command to traffic; null: never done. */
  readonly lastSeconds: number | null
}

/** What a list shows of a deployment. */
export interface DeploymentSummary {
  /** `d1`, `d2`, … over the whole installation. */
  readonly id: string
  readonly kind: DeploymentKind
  readonly environment: string
  readonly state: DeploymentState
  /** True until an outcome is reached. */
  readonly running: boolean
  readonly strategy: 'rolling' | 'blue-green' | 'canary'
  /** Null until the release record is written. */
  readonly release: string | null
  readonly previousRelease: string | null
  readonly by: string
  readonly createdAt: string
  /** All traffic on the new release. */
  readonly servingAt: string | null
  readonly finishedAt: string | null
  readonly weight: number
  /** Seconds by phase, measured. */
  readonly seconds: Readonly<Record<string, number>>
  readonly reason: SerializedError | null
  /** A person is asked. */
  readonly question: Question | null
  /** Why it may not move traffic yet. */
  readonly waiting: Waiting | null
}

export interface Deployment extends DeploymentSummary {
  /** Public addresses of what it serves, or of what serves on when it came to nothing. */
  readonly urls: readonly string[]
  readonly steps: readonly DeploymentStep[]
  readonly verdict: Verdict | null
  /** What differs between the releases: commit, configuration keys, dependencies. */
  readonly differences: readonly string[]
}

export interface DeploymentStep {
  readonly name: string
  readonly state: 'pending' | 'running' | 'done' | 'failed' | 'skipped'
  readonly startedAt: string | null
  readonly finishedAt: string | null
  readonly detail: string | null
}

export interface Release {
  readonly record: ReleaseRecord
  readonly state: ReleaseState
  readonly deployment: string
}

/** What is known of an environment without a look at what runs. */
export interface EnvironmentSummary {
  /** `<project>.<name>` */
  readonly key: string
  readonly project: string
  readonly name: string
  readonly release: string | null
  readonly warmRelease: string | null
  readonly urls: readonly string[]
  readonly previewKey: string
  /** Services that are held or in maintenance; without a name: all that are not named. */
  readonly holds: readonly Hold[]
  /** Running one, else the newest. */
  readonly deployment: DeploymentSummary | null
}

export interface Environment extends EnvironmentSummary {
  readonly fleets: readonly Fleet[]
  readonly deployment: Deployment | null
}

export interface SecretInfo {
  readonly name: string
  readonly version: number
  readonly updatedAt: string
}
