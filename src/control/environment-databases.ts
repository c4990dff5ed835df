import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { EnvironmentDatabases } from '../engine/context.ts'
import type { Cluster } from '../postgres/cluster.ts'
import { assertWholeUrl } from '../postgres/database-url.ts'
import { postgresCluster } from '../postgres/postgres-cluster.ts'
import { writeFileAtomic } from '../support/atomic-file.ts'
import type { Log } from '../support/log.ts'
import { clusterEvents } from './cluster-events.ts'

const START_MS = 60_000
const STOP_MS = 20_000

/** One embedded cluster per environment: physical backup and recovery are per cluster. */
export function environmentDatabases(options: {
  readonly directory: string
  readonly log: Log
}): EnvironmentDatabases & { stopAll(environments: readonly string[]): Promise<void> } {
  const { directory, log } = options
  const clusters = new Map<string, Cluster>()
  const urls = new Map<string, Promise<string>>()
  const starting = new Set<string>()

  const clusterOf = (environment: string): Cluster => {
    const known = clusters.get(environment)
    if (known !== undefined) return known
    const cluster = postgresCluster({
      directory: join(directory, environment),
      log: (line) => log.info(`${environment}: ${line}`),
    })
    clusters.set(environment, cluster)
    return cluster
  }

  const makeReady = async (environment: string, signal: AbortSignal): Promise<string> => {
    const cluster = clusterOf(environment)
    await cluster.start({ signal, deadlineMs: START_MS })
    cluster.watch(clusterEvents(`the database of ${environment}`, log))
    const password = await rememberedPassword(join(directory, environment, 'app-password'))
    return (await cluster.ensureDatabase({ database: 'app', role: 'app', password })).url
  }

  return {
    async urlFor({ environment, database }, signal) {
      if (database === null) return null
      if (database.url !== undefined) {
        assertWholeUrl(database.url)
        return database.url
      }
      const known = urls.get(environment)
      if (known !== undefined && (starting.has(environment) || clusterOf(environment).pid() !== null)) return known
      // Instances start side by side: the database is made once for all of them.
      starting.add(environment)
      const url = makeReady(environment, signal).finally(() => starting.delete(environment))
      urls.set(environment, url)
      url.catch(() => urls.delete(environment))
      return url
    },
    async stopAll(environments) {
      await Promise.all(
        environments.map((environment) => clusterOf(environment).stop({ mode: 'fast', deadlineMs: STOP_MS })),
      )
    },
  }
}

async function rememberedPassword(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    const password = randomBytes(24).toString('base64url')
    await writeFileAtomic(file, password, { mode: 0o600 })
    return password
  }
}
