import { sql } from 'kysely'
import { isOutcome } from '../model/deployment.ts'
import type { Database } from './database.ts'

export interface Lease {
  readonly environment: string
  readonly deployment: string
  /** Rises with every lease of the environment; the edge refuses tables with a lower one. */
  readonly fence: number
}

/**
 * One deployment shifts traffic at a time per environment (DESIGN, law 6). Answers the lease, or who holds it.
 * A holder that has reached its outcome holds nothing any more, also when it died before it could say so.
 */
export async function acquireLease(
  database: Database,
  environment: string,
  deployment: string,
): Promise<{ readonly lease: Lease } | { readonly holder: string }> {
  return database.transaction().execute(async (transaction) => {
    const row = await transaction
      .selectFrom('environments')
      .select(['lease_holder', 'fence'])
      .where('key', '=', environment)
      .forUpdate()
      .executeTakeFirstOrThrow()
    if (row.lease_holder === deployment) return { lease: { environment, deployment, fence: Number(row.fence) } }
    if (row.lease_holder !== null) {
      const holder = await transaction
        .selectFrom('deployments')
        .select('state')
        .where('id', '=', row.lease_holder)
        .executeTakeFirst()
      if (holder !== undefined && !isOutcome(holder.state)) return { holder: row.lease_holder }
    }
    const updated = await transaction
      .updateTable('environments')
      .set({ lease_holder: deployment, fence: sql`fence + 1` })
      .where('key', '=', environment)
      .returning('fence')
      .executeTakeFirstOrThrow()
    return { lease: { environment, deployment, fence: Number(updated.fence) } }
  })
}

export async function releaseLease(database: Database, environment: string, deployment: string): Promise<void> {
  await database
    .updateTable('environments')
    .set({ lease_holder: null })
    .where('key', '=', environment)
    .where('lease_holder', '=', deployment)
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
