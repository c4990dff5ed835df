import { sql } from 'kysely'
import type { ActivityRow } from './activities.ts'
import type { Database } from './database.ts'

export interface Lease {
  readonly environment: string
  readonly activity: string
  /** Rises with every lease of the environment; the edge refuses tables with a lower one. */
  readonly fence: number
}

/**
 * One activity at a time has an environment's traffic, or the whole of it, to itself (DESIGN, law 6). Answers the lease, or
 * who holds it. A holder that has reached its outcome holds nothing any more, also when it died before it could say so.
 * What needs nothing waits for nobody and holds nobody up: it works under the fence that is in force.
 */
export async function acquireLease(
  database: Database,
  { id: activity, environment, needs }: Pick<ActivityRow, 'id' | 'environment' | 'needs'>,
): Promise<{ readonly lease: Lease } | { readonly holder: string }> {
  if (needs === 'nothing') {
    return { lease: { environment, activity, fence: await currentFence(database, environment) } }
  }
  return database.transaction().execute(async (transaction) => {
    const row = await transaction
      .selectFrom('environments')
      .select(['lease_holder', 'fence'])
      .where('key', '=', environment)
      .forUpdate()
      .executeTakeFirstOrThrow()
    if (row.lease_holder === activity) return { lease: { environment, activity, fence: Number(row.fence) } }
    if (row.lease_holder !== null) {
      const holder = await transaction
        .selectFrom('activities')
        .select('finished_at')
        .where('id', '=', row.lease_holder)
        .executeTakeFirst()
      if (holder !== undefined && holder.finished_at === null) return { holder: row.lease_holder }
    }
    const updated = await transaction
      .updateTable('environments')
      .set({ lease_holder: activity, fence: sql`fence + 1` })
      .where('key', '=', environment)
      .returning('fence')
      .executeTakeFirstOrThrow()
    return { lease: { environment, activity, fence: Number(updated.fence) } }
  })
}

export async function releaseLease(database: Database, environment: string, activity: string): Promise<void> {
  await database
    .updateTable('environments')
    .set({ lease_holder: null })
    .where('key', '=', environment)
    .where('lease_holder', '=', activity)
    .execute()
}

/** The newest fence: under it also a settled deployment may clean up, because cleaning up moves no traffic. */
export async function currentFence(database: Database, environment: string): Promise<number> {
  const row = await database
    .selectFrom('environments')
    .select('fence')
    .where('key', '=', environment)
    .executeTakeFirstOrThrow()
  return Number(row.fence)
}
