// Brings the database to the newest schema: numbered files, each in a transaction of its own, each once.
import { readdir, readFile } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import postgres from 'postgres'

// The same relative place from `src/` and, bundled, from `build/`.
const folder = new URL('../migrations/', import.meta.url)
const LOCK = 7_212_004

export async function migrate(url: string, log: (line: string) => void = () => {}): Promise<number> {
  const sql = postgres(url, { max: 1, onnotice: () => {}, connect_timeout: 10 })
  try {
    // Two releases may migrate at once: the second waits, then finds its work done.
    await sql`select pg_advisory_lock(${LOCK})`
    await sql`
      create table if not exists migrations (
        name text primary key,
        applied_at timestamptz not null default now()
      )`
    const applied = new Set((await sql<{ name: string }[]>`select name from migrations`).map((row) => row.name))
    const names = (await readdir(folder)).filter((name) => /^\d{4}_.*\.sql$/.test(name)).sort()
    const missing = names.filter((name) => !applied.has(name))
    for (const name of missing) {
      const text = await readFile(new URL(name, folder), 'utf8')
      await sql.begin(async (transaction) => {
        // A table under heavy use must not make every visitor queue behind us.
        await transaction`set local lock_timeout = '5s'`
        await transaction.unsafe(text)
        await transaction`insert into migrations (name) values (${name})`
      })
      log(`applied ${name}`)
    }
    return missing.length
  } finally {
    await sql.end({ timeout: 5 })
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const url = process.env['DATABASE_URL']
  if (!url) {
    console.error('DATABASE_URL is not set: name the database to migrate')
    process.exit(2)
  }
  const count = await migrate(url, console.log)
  console.log(count === 0 ? 'the schema is up to date' : `${count} migrations applied`)
}
