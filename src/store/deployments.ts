import { type Selectable, sql, type Updateable } from 'kysely'
import { type DeploymentKind, deploymentKinds } from '../model/activity.ts'
import { type Actor, actorWords } from '../model/actor.ts'
import { assertMove, type DeploymentState, isOutcome } from '../model/deployment.ts'
import { type ActivityChange, type ActivityRow, insertActivity, lockActivity } from './activities.ts'
import type { Database, DeploymentRequest, Tables, Transaction } from './database.ts'

type OwnColumns = Omit<Tables['deployments'], 'activity'>

/** An activity that is a deployment or a rollback, with what only those have. */
export type DeploymentRow = Omit<ActivityRow, 'kind' | 'state' | 'request'> &
  Selectable<OwnColumns> & {
    readonly kind: DeploymentKind
    readonly state: DeploymentState
    readonly request: DeploymentRequest
  }
export type DeploymentChange = Omit<ActivityChange, 'kind' | 'state' | 'request'> & Updateable<OwnColumns>

const ownColumns = [
  'strategy',
  'artifact',
  'release',
  'previous_release',
  'weight',
  'plan',
  'verdict',
  'differences',
  'serving_at',
] as const satisfies readonly (keyof OwnColumns)[]

export async function insertDeployment(
  database: Database,
  deployment: {
    readonly environment: string
    readonly strategy: DeploymentRow['strategy']
    readonly request: DeploymentRequest & { readonly actor: Actor }
    readonly idempotencyKey: string | null
  },
): Promise<{ readonly row: DeploymentRow; readonly isNew: boolean }> {
  const { rows } = await sql<{ id: string }>`select 'd' || nextval('deployment_number') as id`.execute(database)
  const { environment, request, idempotencyKey } = deployment
  const { row, isNew } = await insertActivity(database, {
    id: rows[0]?.id ?? '',
    kind: deploymentKinds[request.kind],
    environment,
    state: 'queued',
    request,
    requestedBy: actorWords(request.actor),
    idempotencyKey,
  })
  if (isNew) {
    await database
      .insertInto('deployments')
      .values({ activity: row.id, strategy: deployment.strategy })
      .executeTakeFirstOrThrow()
  }
  return { row: await getDeployment(database, row.id), isNew }
}

/** Whoever asked for it; of rows from before actors only what the client had said is known. */
export function actorOf(row: Pick<DeploymentRow, 'request' | 'requested_by'>): Actor {
  return row.request.actor ?? { kind: 'owner', id: 'owner', name: 'owner', label: row.requested_by }
}

export function getDeployment(database: Database, id: string): Promise<DeploymentRow> {
  return deployments(database).where('activities.id', '=', id).executeTakeFirstOrThrow()
}

export function findDeployment(database: Database, id: string): Promise<DeploymentRow | undefined> {
  return deployments(database).where('activities.id', '=', id).executeTakeFirst()
}

/** The one that was asked for with this key. */
export function findDeploymentByKey(database: Database, idempotencyKey: string): Promise<DeploymentRow | undefined> {
  return deployments(database).where('idempotency_key', '=', idempotencyKey).executeTakeFirst()
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
  let select = deployments(database)
  if (query.environment !== undefined) select = select.where('environment', '=', query.environment)
  if (query.before !== undefined) select = select.where('ordinal', '<', String(query.before))
  if (query.running === true) select = select.where('finished_at', 'is', null)
  return select.orderBy('ordinal', 'desc').limit(query.limit).execute()
}

/** Of every environment the newest of those that run, or else the newest. */
export function listCurrentDeployments(database: Database, environments: readonly string[]): Promise<DeploymentRow[]> {
  if (environments.length === 0) return Promise.resolve([])
  return deployments(database)
    .distinctOn('environment')
    .where('environment', 'in', environments)
    .orderBy('environment')
    .orderBy(sql`finished_at is null`, 'desc')
    .orderBy('ordinal', 'desc')
    .execute()
}

/**
 * Moves within the caller's transaction, with what changes at the same time: an illegal move throws `STATE_CONFLICT`, so
 * a stale writer can never win, and nobody sees a state without its reason. Answers what was there before as well.
 */
export async function moveDeployment(
  transaction: Transaction,
  id: string,
  to: DeploymentState,
  changeFor: (row: DeploymentRow) => DeploymentChange = () => ({}),
): Promise<{ readonly before: DeploymentRow; readonly row: DeploymentRow }> {
  await lockActivity(transaction, id)
  const before = await getDeployment(transaction, id)
  if (before.state === to) return { before, row: before }
  assertMove(before.state, to)
  const ended = isOutcome(to) ? { finished_at: new Date() } : {}
  await write(transaction, id, { ...ended, ...changeFor(before) }, to)
  return { before, row: await getDeployment(transaction, id) }
}

export function updateDeployment(database: Database, id: string, change: DeploymentChange): Promise<void> {
  if (database.isTransaction) return write(database, id, change)
  return database.transaction().execute((transaction) => write(transaction, id, change))
}

async function write(database: Database, id: string, change: DeploymentChange, state?: DeploymentState): Promise<void> {
  const isOwn = (column: string) => ownColumns.some((own) => own === column)
  const entries = Object.entries(change)
  const own = Object.fromEntries(entries.filter(([column]) => isOwn(column)))
  const shared = Object.fromEntries(entries.filter(([column]) => !isOwn(column)))
  if (state !== undefined || Object.keys(shared).length > 0) {
    const moved = state === undefined ? shared : { ...shared, state }
    await database.updateTable('activities').set(moved).where('id', '=', id).execute()
  }
  if (Object.keys(own).length > 0) {
    await database.updateTable('deployments').set(own).where('activity', '=', id).execute()
  }
}

function deployments(database: Database) {
  return database
    .selectFrom('activities')
    .innerJoin('deployments', 'deployments.activity', 'activities.id')
    .selectAll('activities')
    .select(ownColumns)
    .$castTo<DeploymentRow>()
}
