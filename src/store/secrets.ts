import { sql } from 'kysely'
import type { Database } from './database.ts'

export interface StoredSecret {
  readonly name: string
  readonly version: number
  readonly ciphertext: Buffer | null
  readonly createdAt: Date
}

/** Adds a version; null as ciphertext marks the removal. */
export async function insertSecret(
  database: Database,
  environment: string,
  name: string,
  ciphertext: Buffer | null,
): Promise<StoredSecret> {
  const row = await database
    .insertInto('secrets')
    .values((eb) => ({
      environment,
      name,
      ciphertext,
      version: eb
        .selectFrom('secrets')
        .select(sql<number>`coalesce(max(version), 0) + 1`.as('version'))
        .where('environment', '=', environment)
        .where('name', '=', name)
        .$castTo<number>(),
    }))
    .returningAll()
    .executeTakeFirstOrThrow()
  return { name: row.name, version: row.version, ciphertext: row.ciphertext, createdAt: row.created_at }
}

/** The newest version of each name, removals included. */
export async function listNewestSecrets(database: Database, environment: string): Promise<StoredSecret[]> {
  const rows = await database
    .selectFrom('secrets')
    .distinctOn('name')
    .selectAll()
    .where('environment', '=', environment)
    .orderBy('name')
    .orderBy('version', 'desc')
    .execute()
  return rows.map((row) => ({
    name: row.name,
    version: row.version,
    ciphertext: row.ciphertext,
    createdAt: row.created_at,
  }))
}

export async function countSecretVersions(database: Database, environment: string): Promise<number> {
  const { count } = await database
    .selectFrom('secrets')
    .select((eb) => eb.fn.countAll<string>().as('count'))
    .where('environment', '=', environment)
    .executeTakeFirstOrThrow()
  return Number(count)
}

/** Every version of every name. */
export async function listSecretVersions(database: Database, environment: string): Promise<StoredSecret[]> {
  const rows = await database.selectFrom('secrets').selectAll().where('environment', '=', environment).execute()
  return rows.map((row) => ({
    name: row.name,
    version: row.version,
    ciphertext: row.ciphertext,
    createdAt: row.created_at,
  }))
}

export async function findSecretVersion(
  database: Database,
  environment: string,
  name: string,
  version: number,
): Promise<StoredSecret | undefined> {
  const row = await database
    .selectFrom('secrets')
    .selectAll()
    .where('environment', '=', environment)
    .where('name', '=', name)
    .where('version', '=', version)
    .executeTakeFirst()
  return row && { name: row.name, version: row.version, ciphertext: row.ciphertext, createdAt: row.created_at }
}
