import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type pg from 'pg'

export interface Migration {
  readonly version: number
  readonly name: string
  readonly sql: string
}

const folder = join(import.meta.dirname, 'migrations')
/** Any constant: one migrator at a time over all control planes of one database. */
const LOCK = 7_203_411

/** The append-only list, by number; printable for those who run it by hand. */
export async function listMigrations(): Promise<readonly Migration[]> {
  const files = (await readdir(folder)).filter((file) => /^\d{3}-.+\.sql$/.test(file)).sort()
  return Promise.all(
    files.map(async (file) => ({
      version: Number(file.slice(0, 3)),
      name: file.slice(4, -4),
      sql: await readFile(join(folder, file), 'utf8'),
    })),
  )
}

/** Brings the schema `sluice` to the newest version (or to `upTo`): each migration in one transaction of its own. */
export async function migrate(pool: pg.Pool, options: { readonly upTo?: number } = {}): Promise<readonly number[]> {
  const migrations = await listMigrations()
  const applied: number[] = []
  const client = await pool.connect()
  try {
    await client.query('select pg_advisory_lock($1)', [LOCK])
    await client.query(
      'create table if not exists schema_versions (version integer primary key, name text not null, applied_at timestamptz not null default now())',
    )
    const { rows } = await client.query<{ version: number }>('select version from schema_versions')
    const done = new Set(rows.map((row) => row.version))
    for (const migration of migrations) {
      if (done.has(migration.version) || migration.version > (options.upTo ?? Number.POSITIVE_INFINITY)) continue
      await client.query('begin')
      try {
        await client.query(migration.sql)
        await client.query('insert into schema_versions (version, name) values ($1, $2)', [
          migration.version,
          migration.name,
        ])
        await client.query('commit')
      } catch (error) {
        await client.query('rollback')
        throw error
      }
      applied.push(migration.version)
    }
    return applied
  } finally {
    // Ending the session frees the lock too; the explicit unlock keeps the pooled connection usable.
    await client.query('select pg_advisory_unlock($1)', [LOCK]).catch(() => {})
    client.release()
  }
}
