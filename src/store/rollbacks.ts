import type { Database } from './database.ts'

/** How long rollbacks really took here: the measured half of `rollback --check`. */
export async function recordRollback(
  database: Database,
  rollback: {
    readonly activity: string
    readonly environment: string
    readonly seconds: number
    readonly way: string
  },
): Promise<void> {
  await database
    .insertInto('rollbacks')
    .values(rollback)
    .onConflict((conflict) => conflict.column('activity').doNothing())
    .execute()
}

export async function lastRollbackSeconds(database: Database, environment: string): Promise<number | null> {
  const row = await database
    .selectFrom('rollbacks')
    .select('seconds')
    .where('environment', '=', environment)
    .orderBy('measured_at', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row?.seconds ?? null
}
