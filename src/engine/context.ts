import type { ArtifactStore } from '../build/artifact-store.ts'
import type { Builder } from '../build/builder.ts'
import type { Judge, JudgePolicy, JudgeState } from '../judge/index.ts'
import type { ReleaseRecord } from '../model/release.ts'
import type { StrategySettings } from '../model/strategy.ts'
import type { SecretBox } from '../secrets/secret-box.ts'
import type { Sources } from '../sources/sources.ts'
import type { Database } from '../store/database.ts'
import type { Clock } from '../support/clock.ts'
import type { Log } from '../support/log.ts'
import type { EnvironmentMasks } from './environment-masks.ts'
import type { EventLog } from './event-log.ts'
import type { Journal } from './journal.ts'
import type { Mailbox } from './mailbox.ts'
import type { Targets } from './targets.ts'
import type { Workflows } from './workflows/workflows.ts'

/** Everything the engine acts with, made once by the control plane. */
export interface EngineContext {
  readonly database: Database
  readonly events: EventLog
  readonly mailbox: Mailbox
  readonly journal: Journal
  readonly workflows: Workflows
  readonly targets: Pick<Targets, 'load' | 'of' | 'place'>
  readonly sources: Sources
  readonly builder: Builder
  readonly artifacts: ArtifactStore
  readonly secrets: SecretBox
  readonly databases: EnvironmentDatabases
  readonly masks: EnvironmentMasks
  readonly judge: Judge<JudgeState>
  readonly policyFor: (settings: StrategySettings, mode: JudgePolicy['mode']) => JudgePolicy
  readonly clock: Clock
  readonly log: Log
}

/** A database per environment; the embedded one is a cluster of its own. */
export interface EnvironmentDatabases {
  /** Starts or adopts what the release's environment needs and answers its URL; null: the release has no database. */
  urlFor(
    release: Pick<ReleaseRecord, 'id' | 'environment' | 'database' | 'secrets'>,
    signal: AbortSignal,
  ): Promise<string | null>
}
