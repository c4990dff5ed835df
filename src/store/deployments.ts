import { type Selectable, sql, type Updateable } from 'kysely'
import { assertMove, type DeploymentState, outcomes } from '../model/deployment.ts'
import type { Database, DeploymentRequest, Tables } from './database.ts'
import { jsonb } from './jsonb.ts'

export type DeploymentRow = Selectable<Tables['deployments']>
export type StepRow = Selectable<Tables['deployment_steps']>

export async function insertDeployment(
  database: Database,
  deployment: {
    readonly environment: string
    readonly strategy: DeploymentRow['strategy']
    readonly request: DeploymentRequest
    readonly requestedBy: string
    readonly idempotencyKey: string | null
  },
): Promise<{ readonly row: DeploymentRow; readonly isNew: boolean }> {
  const { rows } = await sql<{ number: string }>`select nextval('deployment_number') as number`.execute(database)
  const number = rows[0]?.number ?? '0'
  const inserted = await database
    .insertInto('deployments')
    .values({
      id: `d${number}`,
      number,
      kind: deployment.request.kind,
      environment: deployment.environment,
      state: 'queued',
      strategy: deployment.strategy,
      request: jsonb(deployment.request),
      requested_by: deployment.requestedBy,
      idempotency_key: deployment.idempotencyKey,
    })
    .onConflict((conflict) => conflict.column('idempotency_key').doNothing())
    .returningAll()
    .executeTakeFirst()
  if (inserted !== undefined) return { row: inserted, isNew: true }
  const row = await database
    .selectFrom('deployments')
    .selectAll()
    .where('idempotency_key', '=', deployment.idempotencyKey)
    .executeTakeFirstOrThrow()
  return { row, isNew: false }
}

export function getDeployment(database: Database, id: string): Promise<DeploymentRow> {
  return database.selectFrom('deployments').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
}

export function findDeployment(database: Database, id: string): Promise<DeploymentRow | undefined> {
  return database.selectFrom('deployments').selectAll().where('id', '=', id).executeTakeFirst()
}

export function listDeployments(
  database: Database,
  query: {
    readonly environment?: string
    readonly before?: number
    readonly limit: number
    readonly running?: boolean
  },
): Promise<DeploymentRow[]> {
  let select = database.selectFrom('deployments').selectAll()
  if (query.environment !== undefined) select = select.where('environment', '=', query.environment)
  if (query.before !== undefined) select = select.where('number', '<', String(query.before))
  if (query.running === true) select = select.where('state', 'not in', outcomes)
  return select.orderBy('number', 'desc').limit(query.limit).execute()
}

/**
 * Compare-and-set on the state, with what changes with it in the same transaction: an illegal move throws
 * `STATE_CONFLICT`, so a stale writer can never win, and nobody sees a state without its reason.
 */
export async function moveDeployment(
  database: Database,
  id: string,
  to: DeploymentState,
  changeFor: (row: DeploymentRow) => Updateable<Tables['deployments']> = () => ({}),
): Promise<DeploymentRow> {
  return database.transaction().execute(async (transaction) => {
    const row = await transaction
      .selectFrom('deployments')
      .selectAll()
      .where('id', '=', id)
      .forUpdate()
      .executeTakeFirstOrThrow()
    assertMove(row.state, to)
    return transaction
      .updateTable('deployments')
      .set({ ...changeFor(row), state: to })
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirstOrThrow()
  })
}

export async function updateDeployment(
  database: Database,
  id: string,
  change: Updateable<Tables['deployments']>,
): Promise<void> {
  await database.updateTable('deployments').set(change).where('id', '=', id).execute()
}

export function listSteps(database: Database, deployment: string): Promise<StepRow[]> {
  return database
    .selectFrom('deployment_steps')
    .selectAll()
    .where('deployment', '=', deployment)
    .orderBy('position')
    .execute()
}

export async function putStep(
  database: Database,
  step: {
    readonly deployment: string
    readonly name: string
    readonly state: StepRow['state']
    readonly detail?: string | null
  },
): Promise<void> {
  const now = new Date()
  const ended = step.state === 'done' || step.state === 'failed' || step.state === 'skipped'
  await database
    .insertInto('deployment_steps')
    .values((eb) => ({
      deployment: step.deployment,
      name: step.name,
      state: step.state,
      detail: step.detail ?? null,
      position: eb
        .selectFrom('deployment_steps')
        .select(sql<number>`coalesce(max(position), 0) + 1`.as('position'))
        .where('deployment', '=', step.deployment)
        .$castTo<number>(),
      started_at: step.state === 'pending' ? null : now,
      finished_at: ended ? now : null,
    }))
    .onConflict((conflict) =>
      conflict.columns(['deployment', 'name']).doUpdateSet((eb) => ({
        state: step.state,
        detail: step.detail === undefined ? eb.ref('deployment_steps.detail') : step.detail,
        started_at: eb.fn.coalesce('deployment_steps.started_at', eb.ref('excluded.started_at')),
        finished_at: ended ? now : null,
      })),
    )
    .execute()
}
