import type { ReleaseRecord } from '../model/release.ts'
import type { Step, StrategySettings } from '../model/strategy.ts'
import type { Lease } from '../store/leases.ts'

/** What the steps of one deployment share once it is admitted: plain JSON, remembered by the workflow. */
export interface DeploymentRun {
  readonly deployment: string
  readonly environment: string
  readonly lease: Lease
  /** The release that is coming. */
  readonly release: ReleaseRecord
  /** The release that serves, and is gone back to; null: the first deployment. */
  readonly base: ReleaseRecord | null
  readonly settings: StrategySettings
  readonly plan: readonly Step[]
  readonly by: string
}
