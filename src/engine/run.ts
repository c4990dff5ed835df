import type { ReleaseRecord } from '../model/release.ts'
import type { Step, StrategySettings } from '../model/strategy.ts'
import type { Database } from '../store/database.ts'
import type { Lease } from '../store/leases.ts'
import { getRelease } from '../store/releases.ts'

/** What the steps of one deployment share once it is admitted. */
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

/** As a workflow remembers it. Releases are immutable: their ids are enough. Programs before wrote the records down. */
export interface StoredRun extends Omit<DeploymentRun, 'release' | 'base'> {
  readonly release: string | { readonly id: string }
  readonly base: string | { readonly id: string } | null
}

export async function loadRun(database: Database, stored: StoredRun): Promise<DeploymentRun> {
  const record = async (release: string | { readonly id: string }) =>
    (await getRelease(database, typeof release === 'string' ? release : release.id)).record
  const base = stored.base === null ? null : await record(stored.base)
  return { ...stored, release: await record(stored.release), base }
}
