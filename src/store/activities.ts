import { type Selectable, sql, type Updateable } from 'kysely'
import type { ActivityKind } from '../model/activity.ts'
import type { Database, Tables, Transaction } from './database.ts'
import { jsonb } from './jsonb.ts'

export type ActivityRow = Selectable<Tables['activities']>
export type ActivityChange = Updateable<Omit<Tables['activities'], 'id' | 'ordinal'>>
export type StepRow = Selectable<Tables['activity_steps']>

export interface NewActivity {
  readonly id: string
  readonly kind: ActivityKind
  readonly environment: string
  /** What it begins with. */
  readonly state: string
  readonly request: object
  readonly requestedBy: string
  readonly idempotencyKey: string | null
}

/** Answers with the row that has the key already, where there is one. */
export async function insertActivity(
  database: Database,
  activity: NewActivity,
): Promise<{ readonly row: ActivityRow; readonly isNew: boolean }> {
  const inserted = await database
    .insertInto('activities')
    .values({
      id: activity.id,
      kind: activity.kind.name,
      environment: activity.environment,
      needs: activity.kind.needs,
      state: activity.state,
      request: jsonb(activity.request),
      requested_by: activity.requestedBy,
      idempotency_key: activity.idempotencyKey,
    })
    .onConflict((conflict) => conflict.column('idempotency_key').doNothing())
    .returningAll()
    .executeTakeFirst()
  if (inserted !== undefined) return { row: inserted, isNew: true }
  const row = await database
    .selectFrom('activities')
    .selectAll()
    .where('idempotency_key', '=', activity.idempotencyKey)
    .executeTakeFirstOrThrow()
  return { row, isNew: false }
}

export function findActivity(database: Database, id: string): Promise<ActivityRow | undefined> {
  return database.selectFrom('activities').selectAll().where('id', '=', id).executeTakeFirst()
}

/** Held until the transaction ends: nobody else changes it meanwhile. */
export async function lockActivity(transaction: Transaction, id: string): Promise<void> {
  await transaction.selectFrom('activities').select('id').where('id', '=', id).forUpdate().executeTakeFirstOrThrow()
}

export async function environmentOfActivity(database: Database, id: string): Promise<string> {
  const row = await database
    .selectFrom('activities')
    .select('environment')
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  return row.environment
}

/** All without an outcome, of every environment and kind, the oldest first. */
export function listUnfinished(database: Database): Promise<ActivityRow[]> {
  return database.selectFrom('activities').selectAll().where('finished_at', 'is', null).orderBy('ordinal').execute()
}

/** The steps of one activity, or of many, in the order of their first appearance. */
export function listSteps(database: Database, activities: string | readonly string[]): Promise<StepRow[]> {
  const ids = typeof activities === 'string' ? [activities] : activities
  if (ids.length === 0) return Promise.resolve([])
  return database
    .selectFrom('activity_steps')
    .selectAll()
    .where('activity', 'in', ids)
    .orderBy('activity')
    .orderBy('position')
    .execute()
}

export async function putStep(
  database: Database,
  step: {
    readonly activity: string
    readonly name: string
    readonly state: StepRow['state']
    readonly detail?: string | null
  },
): Promise<void> {
  const now = new Date()
  const isOver = step.state === 'done' || step.state === 'failed' || step.state === 'skipped'
  await database
    .insertInto('activity_steps')
    .values((eb) => ({
      activity: step.activity,
      name: step.name,
      state: step.state,
      detail: step.detail ?? null,
      position: eb
        .selectFrom('activity_steps')
        .select(sql<number>`coalesce(max(position), 0) + 1`.as('position'))
        .where('activity', '=', step.activity)
        .$castTo<number>(),
      started_at: step.state === 'pending' ? null : now,
      finished_at: isOver ? now : null,
    }))
    .onConflict((conflict) =>
      conflict.columns(['activity', 'name']).doUpdateSet((eb) => ({
        state: step.state,
        detail: step.detail === undefined ? eb.ref('activity_steps.detail') : step.detail,
        started_at: eb.fn.coalesce('activity_steps.started_at', eb.ref('excluded.started_at')),
        finished_at: isOver ? now : null,
      })),
    )
    .execute()
}
