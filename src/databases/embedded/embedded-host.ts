import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Cluster } from '../../postgres/cluster.ts'
import { clusterEvents } from '../../postgres/cluster-events.ts'
import { postgresCluster } from '../../postgres/postgres-cluster.ts'
import { writeFileAtomic } from '../../support/atomic-file.ts'
import type { Log } from '../../support/log.ts'
import { askServer } from '../ask-server.ts'
import type { DatabaseHost, DatabaseState, HostCallOptions } from '../database-host.ts'
import { type Generation, generationsIn } from './generations.ts'

const DATABASE = 'app'
const ROLE = 'app'

/** A PostgreSQL of its own for each environment: physical backup and recovery are per cluster. */
export function embeddedHost(options: { readonly directory: string; readonly log: Log }): DatabaseHost {
  return new EmbeddedHost(options)
}

class EmbeddedHost implements DatabaseHost {
  /** Nothing is backed up yet, so nothing bounds what the loss of the disk costs. */
  readonly capabilities = { pitr: false, physical: true, branch: false, worstRpoSeconds: null } as const
  readonly #directory: string
  readonly #log: Log
  /** By folder. */
  readonly #clusters = new Map<string, Cluster>()
  /** Instances start side by side: a cluster is made ready once for all of them. */
  readonly #starting = new Map<string, Promise<void>>()
  readonly #ready = new Set<string>()

  constructor({ directory, log }: { readonly directory: string; readonly log: Log }) {
    this.#directory = directory
    this.#log = log
  }

  async ensure(environment: string, options: HostCallOptions) {
    options.signal.throwIfAborted()
    const generation = await generationsIn(this.#folderOf(environment)).ensure()
    const cluster = this.#clusterOf(environment, generation)
    if (!this.#ready.has(generation.directory) || cluster.pid() === null) {
      await this.#makeReady(environment, generation, options)
    }
    return { url: urlOf(cluster.address().url, await this.#passwordOf(environment)) }
  }

  async inspect(environment: string, options: HostCallOptions): Promise<DatabaseState> {
    const generation = await generationsIn(this.#folderOf(environment)).current()
    const address = generation === null ? null : await this.#clusterOf(environment, generation).find()
    if (generation === null || address === null) {
      const problem = generation === null ? 'no database was made yet' : 'its server does not run'
      return { answers: false, problem, serverVersion: null, sizeBytes: null, generation: generation?.number ?? null }
    }
    const url = urlOf(address.url, await this.#passwordOf(environment))
    return { ...(await askServer(url, options)), generation: generation.number }
  }

  async credentials(environment: string): Promise<readonly string[]> {
    const password = await this.#passwordOf(environment).catch(() => null)
    return password === null ? [] : [password]
  }

  async stop(environment: string, { deadlineMs }: Pick<HostCallOptions, 'deadlineMs'>): Promise<void> {
    const generations = await generationsIn(this.#folderOf(environment)).list()
    await Promise.all(
      generations.map((generation) => this.#clusterOf(environment, generation).stop({ mode: 'fast', deadlineMs })),
    )
  }

  #folderOf(environment: string): string {
    return join(this.#directory, environment)
  }

  #clusterOf(environment: string, { directory }: Generation): Cluster {
    const known = this.#clusters.get(directory)
    if (known !== undefined) return known
    const cluster = postgresCluster({ directory, log: (line) => this.#log.info(`${environment}: ${line}`) })
    this.#clusters.set(directory, cluster)
    return cluster
  }

  /** One for all generations: a restored cluster gets it too, so that only the port of an address changes. */
  #passwordOf(environment: string): Promise<string> {
    return readFile(this.#passwordFile(environment), 'utf8')
  }

  #passwordFile(environment: string): string {
    return join(this.#folderOf(environment), 'app-password')
  }

  #makeReady(environment: string, generation: Generation, options: HostCallOptions): Promise<void> {
    const { directory } = generation
    const known = this.#starting.get(directory)
    if (known !== undefined) return known
    const starting = this.#start(environment, generation, options).finally(() => this.#starting.delete(directory))
    this.#starting.set(directory, starting)
    return starting
  }

  async #start(environment: string, generation: Generation, options: HostCallOptions): Promise<void> {
    const password = await rememberedPassword(this.#passwordFile(environment))
    const cluster = this.#clusterOf(environment, generation)
    await cluster.start(options)
    cluster.watch(clusterEvents(`the database of ${environment}`, this.#log))
    await cluster.ensureDatabase({ database: DATABASE, role: ROLE, password })
    this.#ready.add(generation.directory)
  }
}

/** The application's address on the server that the superuser's leads to: the port may have moved since. */
function urlOf(superuser: string, password: string): string {
  const url = new URL(superuser)
  return `postgres://${ROLE}:${encodeURIComponent(password)}@${url.host}/${DATABASE}`
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
