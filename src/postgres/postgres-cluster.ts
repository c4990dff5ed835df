import { existsSync } from 'node:fs'
import { rmdir } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { SluiceError } from '../model/error.ts'
import { isAlive } from '../support/process-identity.ts'
import { postgresBinaries } from './binaries.ts'
import type { Cluster, ClusterEvent, ClusterWatch, WantedDatabase } from './cluster.ts'
import { addressOf, type ClusterAddress } from './connection.ts'
import { ensureDatabase } from './databases.ts'
import { ensureInitialised, existingPassword, superuser } from './initialise.ts'
import { adoptOrLaunch } from './launch.ts'
import { type ClusterLayout, prepareLayout } from './layout.ts'
import { livePostmaster } from './postmaster.ts'
import type { SystemUser } from './unprivileged-user.ts'
import { watchCluster } from './watch.ts'

export interface PostgresClusterOptions {
  /** Folder of its own; `data/`, `password`, `port` and `postgres.log` go there. */
  readonly directory: string
  /** Who runs the server when we are root; absent: chosen. */
  readonly user?: SystemUser
  readonly log: (line: string) => void
  readonly maxConnections?: number
  /** More server settings; they win over ours. */
  readonly settings?: Readonly<Record<string, string>>
  /** Used only as root, for what the unprivileged user could not reach below `directory`. */
  readonly sharedDirectory?: string
}

/** PostgreSQL from the binaries that npm installed, in its own session. */
export function postgresCluster(options: PostgresClusterOptions): Cluster {
  return new PostgresCluster(options)
}

class PostgresCluster implements Cluster {
  readonly #options: PostgresClusterOptions
  #layout: ClusterLayout | null = null
  #address: ClusterAddress | null = null
  #watch: ClusterWatch | null = null

  constructor(options: PostgresClusterOptions) {
    this.#options = options
  }

  async start({ signal, deadlineMs }: { readonly signal: AbortSignal; readonly deadlineMs: number }) {
    const { maxConnections = 100, settings = {}, log } = this.#options
    const layout = await this.#prepared()
    const binaries = await postgresBinaries({ user: layout.user, copyDirectory: layout.copies })
    const { password } = await ensureInitialised(layout, binaries, { timeoutMs: Math.max(deadlineMs, 60_000), signal })
    const launchOptions = { layout, binaries, password, maxConnections, settings, signal, deadlineMs, log }
    const { address, adopted } = await adoptOrLaunch(launchOptions)
    log(`postgres ${adopted ? 'adopted' : 'started'}: process ${this.pid()}, port ${address.port}`)
    this.#address = address
    return address
  }

  address(): ClusterAddress {
    if (this.#address !== null) return this.#address
    throw new SluiceError('STATE_CONFLICT', 'PostgreSQL was not started yet')
  }

  async find(): Promise<ClusterAddress | null> {
    if (!existsSync(this.#options.directory)) return null
    const layout = await this.#prepared()
    const running = livePostmaster(layout.data)
    if (running?.status !== 'ready') return null
    const { port, socketDirectory } = running
    const password = await existingPassword(layout)
    return addressOf({ port, socketDirectory, user: superuser, password, database: superuser })
  }

  pid(): number | null {
    return this.#layout === null ? null : (livePostmaster(this.#layout.data)?.identity.pid ?? null)
  }

  ensureDatabase(wanted: WantedDatabase): Promise<ClusterAddress> {
    return ensureDatabase(this.address(), wanted)
  }

  watch(onEvent: (event: ClusterEvent) => void): ClusterWatch {
    this.#watch ??= watchCluster({
      pid: () => this.pid(),
      restart: (signal) => this.start({ signal, deadlineMs: 120_000 }),
      onEvent,
    })
    return this.#watch
  }

  async stop({ mode, deadlineMs }: { readonly mode: 'fast' | 'smart' | 'immediate'; readonly deadlineMs: number }) {
    await this.#watch?.close()
    this.#watch = null
    const layout = await this.#prepared()
    const running = livePostmaster(layout.data)
    if (running === null) return
    const { identity } = running
    if (isAlive(identity)) process.kill(identity.pid, stopSignals[mode])
    const deadline = performance.now() + deadlineMs
    while (isAlive(identity)) {
      if (performance.now() > deadline)
        throw new SluiceError(
          'DEADLINE_EXCEEDED',
          `PostgreSQL (process ${identity.pid}) did not stop in ${deadlineMs} ms`,
          {
            hint: `see ${layout.logFile}`,
          },
        )
      await sleep(10)
    }
    await rmdir(layout.sockets).catch(() => {}) // may lie outside of our directory: leave nothing there
  }

  async #prepared(): Promise<ClusterLayout> {
    const { directory, user, sharedDirectory = '/var/lib/sluice' } = this.#options
    this.#layout = await prepareLayout({ directory, sharedDirectory, wantedUser: user })
    return this.#layout
  }
}

const stopSignals = { fast: 'SIGINT', smart: 'SIGTERM', immediate: 'SIGQUIT' } as const
