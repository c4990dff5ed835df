import { hostname } from 'node:os'
import type { SluiceError } from '../model/error.ts'
import { clusterEvents } from '../postgres/cluster-events.ts'
import { resolveDatabaseUrl } from '../postgres/database-url.ts'
import { postgresCluster } from '../postgres/postgres-cluster.ts'
import { type Database, openDatabase } from '../store/database.ts'
import { lockDatabase } from '../store/database-lock.ts'
import { migrate } from '../store/migrate.ts'
import type { Home } from '../support/home.ts'
import type { Log } from '../support/log.ts'

const START_MS = 60_000
const STOP_MS = 20_000

export interface OpenedStore {
  readonly database: Database
  readonly url: string
  /** Gives the database back to whoever comes next. */
  close(): Promise<void>
  /** PostgreSQL runs on unless everything is stopped. */
  stop(all: boolean): Promise<void>
}

export interface OpenStoreOptions {
  readonly home: Home
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly version: string
  readonly log: Log
  /** Another control plane has the database now. */
  readonly onTaken: (error: SluiceError) => void
}

/** The control plane's own tables, for it alone and of the newest shape. Throws `DATABASE_IN_USE`. */
export async function openStore(options: OpenStoreOptions): Promise<OpenedStore> {
  const { home, version, log, onTaken } = options
  const { url, stop } = await server(options)
  const seat = { host: hostname(), pid: process.pid, home: home.root, version }
  const lock = await lockDatabase({ url, seat, log, onTaken })
  const opened = openDatabase({ url, onError: (error) => log.warn(`database connection lost: ${error.message}`) })
  try {
    await migrate(opened.pool)
  } catch (error) {
    await lock.release()
    throw error
  }
  return {
    database: opened.database,
    url,
    close: async () => {
      await opened.close()
      await lock.release()
    },
    stop,
  }
}

/** The one that `DATABASE_URL` names, or our own. */
async function server({ home, environment, log }: OpenStoreOptions): Promise<Pick<OpenedStore, 'url' | 'stop'>> {
  const choice = resolveDatabaseUrl(environment)
  if (choice.kind === 'url') return { url: choice.url, stop: async () => {} }
  const cluster = postgresCluster({ directory: home.postgres, log: (line) => log.info(line) })
  await cluster.start({ signal: AbortSignal.timeout(START_MS), deadlineMs: START_MS })
  const watch = cluster.watch(clusterEvents('the control plane’s PostgreSQL', log))
  const { password } = cluster.address()
  const { url } = await cluster.ensureDatabase({ database: 'sluice', role: 'sluice', password })
  return {
    url,
    stop: async (all) => {
      if (all) await cluster.stop({ mode: 'fast', deadlineMs: STOP_MS })
      else await watch.close()
    },
  }
}
