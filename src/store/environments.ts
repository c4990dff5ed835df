import { randomBytes } from 'node:crypto'
import type { Selectable } from 'kysely'
import { type Hold, withHold } from '../model/holds.ts'
import type { ReleaseTarget } from '../model/release.ts'
import type { TrafficSplit } from '../model/traffic-split.ts'
import type { Database, Tables, Transaction } from './database.ts'
import { jsonb } from './jsonb.ts'

export type EnvironmentRow = Selectable<Tables['environments']>

/** `social.production`: project and name, split at the last point. */
export function environmentKey(project: string, name: string): string {
  return `${project}.${name}`
}

/** Creates the environment the first time it is named. */
export async function ensureEnvironment(database: Database, key: string): Promise<EnvironmentRow> {
  const point = key.lastIndexOf('.')
  await database
    .insertInto('environments')
    .values({
      key,
      project: key.slice(0, point),
      name: key.slice(point + 1),
      preview_key: randomBytes(18).toString('base64url'),
    })
    .onConflict((conflict) => conflict.column('key').doNothing())
    .execute()
  return getEnvironment(database, key)
}

export function getEnvironment(database: Database, key: string): Promise<EnvironmentRow> {
  return database.selectFrom('environments').selectAll().where('key', '=', key).executeTakeFirstOrThrow()
}

export function listEnvironments(database: Database): Promise<EnvironmentRow[]> {
  return database.selectFrom('environments').selectAll().orderBy('key').execute()
}

/** Remembers the split that was ordered, under the lease that ordered it. */
export async function rememberSplit(database: Database, key: string, split: TrafficSplit): Promise<void> {
  await database
    .updateTable('environments')
    .set({ split: jsonb(split) })
    .where('key', '=', key)
    .execute()
}

/** Where it runs from its next release on. */
export async function rememberTarget(database: Database, key: string, target: ReleaseTarget): Promise<void> {
  await database
    .updateTable('environments')
    .set({ target: jsonb(target) })
    .where('key', '=', key)
    .execute()
}

export async function rememberServing(
  database: Database,
  key: string,
  serving: { readonly release: string; readonly warmRelease: string | null },
): Promise<void> {
  await database
    .updateTable('environments')
    .set({ release: serving.release, warm_release: serving.warmRelease })
    .where('key', '=', key)
    .execute()
}

/** Adds an order to what holds, in the transaction that tells of it. */
export async function rememberHold(transaction: Transaction, key: string, order: Hold): Promise<void> {
  const { holds } = await transaction
    .selectFrom('environments')
    .select('holds')
    .where('key', '=', key)
    .forUpdate()
    .executeTakeFirstOrThrow()
  await transaction
    .updateTable('environments')
    .set({ holds: jsonb(withHold(holds, order)) })
    .where('key', '=', key)
    .execute()
}

/** Ports that were chosen for public listeners, by environment. */
export function chosenHttpPorts(rows: readonly EnvironmentRow[]): ReadonlyMap<string, number> {
  return new Map(rows.flatMap(({ key, http_port }) => (http_port === null ? [] : [[key, http_port] as const])))
}

/** The port that was chosen once stays: people have bookmarked it. */
export async function rememberHttpPort(database: Database, key: string, port: number): Promise<number> {
  const row = await database
    .updateTable('environments')
    .set((eb) => ({ http_port: eb.fn.coalesce('http_port', eb.val(port)) }))
    .where('key', '=', key)
    .returning('http_port')
    .executeTakeFirstOrThrow()
  return row.http_port ?? port
}
