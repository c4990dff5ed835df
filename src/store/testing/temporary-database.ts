import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { postgresCluster } from '../../postgres/postgres-cluster.ts'
import { type OpenedDatabase, openDatabase } from '../database.ts'
import { migrate } from '../migrate.ts'

export interface TemporaryDatabase extends OpenedDatabase {
  readonly url: string
  /** An empty database on the same server. */
  another(): Promise<OpenedDatabase & { readonly url: string }>
  remove(): Promise<void>
}

/** A real PostgreSQL in a temporary folder, migrated; gone after `remove`. */
export async function temporaryDatabase(options: { readonly isMigrated?: boolean } = {}): Promise<TemporaryDatabase> {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-store-'))
  const cluster = postgresCluster({ directory, log: () => {}, settings: { fsync: 'off' } })
  await cluster.start({ signal: AbortSignal.timeout(60_000), deadlineMs: 60_000 })
  const opened: OpenedDatabase[] = []
  const another = async () => {
    const name = `t${randomBytes(4).toString('hex')}`
    const { url } = await cluster.ensureDatabase({ database: name, role: name, password: 'test' })
    const database = openDatabase({ url })
    opened.push(database)
    return { ...database, url }
  }
  const first = await another()
  if (options.isMigrated !== false) await migrate(first.pool)
  return {
    ...first,
    another,
    async remove() {
      for (const database of opened) await database.close().catch(() => {})
      await cluster.stop({ mode: 'immediate', deadlineMs: 20_000 })
      await rm(directory, { recursive: true, force: true })
    },
  }
}
