import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type pg from 'pg'
import { SluiceError } from '../model/error.ts'

export interface Migration {
  readonly version: number
  readonly name: string
  readonly sql: string
  /** SHA-256 of the text, in hexadecimal. */
  readonly checksum: string
}

const folder = join(import.meta.dirname, 'migrations')
/** Any constant: one migrator at a time over all control planes of one database. */
const LOCK = 7_203_411

/** The append-only list, by number; printable for those who run it by hand. */
export async function listMigrations(): Promise<readonly Migration[]> {
  const files = (await readdir(folder)).filter((file) => /^\d{3}-.+\.sql$/.test(file)).sort()
  return Promise.all(
    files.map(async (file) => {
      const sql = await readFile(join(folder, file), 'utf8')
      const checksum = createHash('sha256').update(sql).digest('hex')
      return { version: Number(file.slice(0, 3)), name: file.slice(4, -4), sql, checksum }
    }),
  )
}

/**
 * Brings the schema to the newest version (or to `upTo`): each migration in one transaction of its own. Throws
 * `DATABASE_FOREIGN` for a database that a newer program made, or another text of a migration.
 */
export async function migrate(pool: pg.Pool, options: { readonly upTo?: number } = {}): Promise<readonly number[]> {
  const { upTo = Number.POSITIVE_INFINITY } = options
  const migrations = await listMigrations()
  const client = await pool.connect()
  try {
    await client.query('select pg_advisory_lock($1)', [LOCK])
    const done = await appliedVersions(client)
    assertOurs(done, migrations)
    const missing = migrations.filter(({ version }) => !done.has(version) && version <= upTo)
    for (const migration of missing) await apply(client, migration)
    await rememberChecksums(client, done, migrations)
    return missing.map(({ version }) => version)
  } finally {
    // Ending the session frees the lock too; the explicit unlock keeps the pooled connection usable.
    await client.query('select pg_advisory_unlock($1)', [LOCK]).catch(() => {})
    client.release()
  }
}

type Applied = ReadonlyMap<number, { readonly name: string; readonly checksum: string | null }>

async function appliedVersions(client: pg.PoolClient): Promise<Applied> {
  await client.query(
    'create table if not exists schema_versions (version integer primary key, name text not null, applied_at timestamptz not null default now())',
  )
  await client.query('alter table schema_versions add column if not exists checksum text')
  const { rows } = await client.query<{ version: number; name: string; checksum: string | null }>(
    'select version, name, checksum from schema_versions order by version',
  )
  return new Map(rows.map((row) => [row.version, row]))
}

function assertOurs(done: Applied, migrations: readonly Migration[]): void {
  for (const [version, { name, checksum }] of done) {
    const ours = migrations.find((migration) => migration.version === version)
    if (ours === undefined) {
      throw new SluiceError(
        'DATABASE_FOREIGN',
        `a newer Sluice made this database: it has migration ${version} (${name})`,
        {
          hint: 'run that version, or a newer one',
        },
      )
    }
    if (checksum !== null && checksum !== ours.checksum) {
      throw new SluiceError(
        'DATABASE_FOREIGN',
        `this database was made by another text of migration ${version} (${name})`,
        {
          hint: 'run the version of Sluice that made it; migrations that were released never change',
        },
      )
    }
  }
}

async function apply(client: pg.PoolClient, { version, name, sql, checksum }: Migration): Promise<void> {
  await client.query('begin')
  try {
    await client.query(sql)
    await client.query('insert into schema_versions (version, name, checksum) values ($1, $2, $3)', [
      version,
      name,
      checksum,
    ])
    await client.query('commit')
  } catch (error) {
    await client.query('rollback')
    throw error
  }
}

/** Those that were applied before checksums were kept. */
async function rememberChecksums(
  client: pg.PoolClient,
  done: Applied,
  migrations: readonly Migration[],
): Promise<void> {
  for (const { version, checksum } of migrations) {
    if (done.get(version)?.checksum !== null) continue
    await client.query('update schema_versions set checksum = $2 where version = $1', [version, checksum])
  }
}
