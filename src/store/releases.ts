import { type Selectable, sql } from 'kysely'
import type { ReleaseRecord } from '../model/release.ts'
import type { ReleaseState } from '../model/release-state.ts'
import type { Database, Tables } from './database.ts'
import { jsonb } from './jsonb.ts'

export type ReleaseRow = Selectable<Tables['releases']>

/** Writes the record of a deployment once; a second call returns the first one's. */
export async function writeRelease(
  database: Database,
  deployment: string,
  record: Omit<ReleaseRecord, 'id'>,
): Promise<ReleaseRecord> {
  const existing = await database
    .selectFrom('releases')
    .select('record')
    .where('deployment', '=', deployment)
    .executeTakeFirst()
  if (existing !== undefined) return existing.record
  const { rows } = await sql<{ id: string }>`select 'r' || nextval('release_number') as id`.execute(database)
  const id = rows[0]?.id ?? ''
  const complete: ReleaseRecord = { ...record, id }
  await database
    .insertInto('releases')
    .values({ id, environment: record.environment, deployment, record: jsonb(complete), state: 'prepared' })
    .execute()
  return complete
}

export function findRelease(database: Database, id: string): Promise<ReleaseRow | undefined> {
  return database.selectFrom('releases').selectAll().where('id', '=', id).executeTakeFirst()
}

export function getRelease(database: Database, id: string): Promise<ReleaseRow> {
  return database.selectFrom('releases').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
}

/** Those of the names that there are, in no order. */
export function listReleasesById(database: Database, ids: readonly (string | null)[]): Promise<ReleaseRow[]> {
  const wanted = [...new Set(ids.filter((id) => id !== null))]
  if (wanted.length === 0) return Promise.resolve([])
  return database.selectFrom('releases').selectAll().where('id', 'in', wanted).execute()
}

export function listReleases(
  database: Database,
  query: { readonly environment?: string; readonly before?: number; readonly limit: number },
): Promise<ReleaseRow[]> {
  let select = database.selectFrom('releases').selectAll()
  if (query.environment !== undefined) select = select.where('environment', '=', query.environment)
  if (query.before !== undefined) select = select.where(releaseNumber, '<', query.before)
  return select.orderBy(releaseNumber, 'desc').limit(query.limit).execute()
}

export async function countReleases(database: Database, environment: string): Promise<number> {
  const { count } = await database
    .selectFrom('releases')
    .select((eb) => eb.fn.countAll<string>().as('count'))
    .where('environment', '=', environment)
    .executeTakeFirstOrThrow()
  return Number(count)
}

/** Every record of an environment, pruned ones too. */
export async function listReleaseRecords(database: Database, environment: string): Promise<ReleaseRecord[]> {
  const rows = await database.selectFrom('releases').select('record').where('environment', '=', environment).execute()
  return rows.map(({ record }) => record)
}

export interface ReleaseWithUse extends ReleaseRow {
  readonly hasServed: boolean
  /** A deployment that has no outcome yet comes from it or goes to it. */
  readonly isBeingDeployed: boolean
}

/** All releases, newest first, with what retention has to know of them. */
export async function listReleasesWithUse(database: Database): Promise<ReleaseWithUse[]> {
  return database
    .selectFrom('releases')
    .selectAll('releases')
    .select((eb) => [
      eb
        .exists(
          eb
            .selectFrom('deployments')
            .select('activity')
            .whereRef('deployments.release', '=', 'releases.id')
            .where('serving_at', 'is not', null),
        )
        .$castTo<boolean>()
        .as('hasServed'),
      eb
        .exists(
          eb
            .selectFrom('deployments')
            .innerJoin('activities', 'activities.id', 'deployments.activity')
            .select('activity')
            .where('finished_at', 'is', null)
            .where((or) =>
              or.or([
                or('deployments.release', '=', or.ref('releases.id')),
                or('deployments.previous_release', '=', or.ref('releases.id')),
              ]),
            ),
        )
        .$castTo<boolean>()
        .as('isBeingDeployed'),
    ])
    .orderBy(releaseNumber, 'desc')
    .execute()
}

const releaseNumber = sql<number>`substr(releases.id, 2)::bigint`

export async function setReleaseState(
  database: Database,
  id: string,
  state: ReleaseState,
  holdReason: string | null = null,
): Promise<void> {
  await database.updateTable('releases').set({ state, hold_reason: holdReason }).where('id', '=', id).execute()
}

/** A release that no longer runs stays one to go back to, unless it is on hold. */
export async function keepRelease(database: Database, id: string): Promise<void> {
  await database
    .updateTable('releases')
    .set({ state: 'kept' })
    .where('id', '=', id)
    .where('state', '<>', 'on-hold')
    .execute()
}

/** The release of the environment that served last before, by a deployment or a rollback, and is not on hold. */
export function findReleaseToReturnTo(
  database: Database,
  environment: string,
  serving: string,
): Promise<ReleaseRow | undefined> {
  return database
    .selectFrom('releases')
    .selectAll('releases')
    .innerJoin('deployments', 'deployments.release', 'releases.id')
    .where('releases.environment', '=', environment)
    .where('releases.id', '<>', serving)
    .where('releases.state', 'in', ['warm', 'kept', 'serving'])
    .where('deployments.serving_at', 'is not', null)
    .orderBy('deployments.serving_at', 'desc')
    .limit(1)
    .executeTakeFirst()
}
