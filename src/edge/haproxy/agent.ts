import { lookup } from 'node:dns/promises'
import { mkdir, readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { SluiceError } from '../../model/error.ts'
import { thresholdOf, WEIGHT_STEPS } from '../assignment.ts'
import type {
  CallOptions,
  Drained,
  DrainTarget,
  Edge,
  EdgeState,
  HoldOrder,
  RouteTable,
  SampleBatch,
  SampleQuery,
} from '../edge.ts'
import { loadEdge, saveEdge } from '../edge-state.ts'
import { type SampleArchive, sampleArchive } from '../sample-archive.ts'
import { SampleLog } from '../sample-log.ts'
import { assertApplicable } from '../table.ts'
import { assetPathsOf } from './asset-paths.ts'
import { haproxyCapabilities } from './capabilities.ts'
import { certificateStamp, pruneCertificates, readCertificates, writeCertificates } from './certificate-files.ts'
import { configurationOf, missingSections } from './configuration.ts'
import { DataPlane, type DesiredPlane, nameOf, type PlaneReading } from './data-plane.ts'
import { edgeStateOf, inFlightOn } from './edge-state-view.ts'
import { layoutBelow } from './layout.ts'
import { readLoaded } from './loaded.ts'
import { mapsOf } from './maps.ts'
import { backendOf, type Pool, planPool } from './pool.ts'
import { assertPortFree, hasIpv6 } from './ports.ts'
import { listenToRing, type RingLog } from './ring-log.ts'
import { serial } from './serial.ts'
import { wantedSlots } from './slot-commands.ts'
import { type StaticServer, serveFiles } from './static-server.ts'
import { assertExpressible } from './table-limits.ts'
import { Traffic, type WorkerReading } from './traffic.ts'

export interface AgentOptions {
  readonly directory: string
  readonly haproxyPath: string
  readonly version: string
  readonly log: (text: string) => void
  /** Called once the agent was told to stop and has. */
  readonly onStopped: () => void
}

const SECOND_MS = 1000
/** By then every line from before a reading has come through the ring. */
const SETTLE_MS = 250
const SUPERVISE_MS = 250
const CERTIFICATES_MS = 3000
const ARCHIVE_MS = 3000
const DRAIN_POLL_MS = 20
/** Longest wait for a first passed check before traffic is led to a release. */
const AWAIT_MS = 2000
const STOP_GRACE_MS = 1500

interface Desire {
  readonly tables: ReadonlyMap<string, RouteTable>
  readonly holds: readonly HoldOrder[]
  readonly draining: ReadonlySet<string>
}

/** The HAProxy edge: keeps the tables, sets HAProxy to them, counts what happens, and starts HAProxy again when it dies. */
export class HaproxyAgent implements Edge {
  readonly capabilities = haproxyCapabilities
  readonly #options: AgentOptions
  readonly #plane: DataPlane
  readonly #samples = new SampleLog()
  readonly #archive: SampleArchive
  readonly #traffic: Traffic
  readonly #startedAt = new Date().toISOString()
  readonly #inOrder = serial()
  readonly #timers: NodeJS.Timeout[] = []
  readonly #closers: (RingLog | StaticServer)[] = []
  #desire: Desire
  #pool: Pool
  #assetPaths: ReadonlyMap<string, readonly string[]> = new Map()
  #certificateStamp = ''
  #stopping = false

  private constructor(options: AgentOptions, plane: DataPlane, desire: Desire) {
    this.#options = options
    this.#plane = plane
    this.#desire = desire
    this.#pool = plane.loaded.pool
    this.#traffic = new Traffic(this.#samples)
    this.#archive = sampleArchive({
      directory: options.directory,
      onProblem: (error) => options.log(`samples cannot be written: ${String(error)}`),
    })
  }

  /** Adopts the HAProxy of the directory or starts it, with the tables that were in force. */
  static async start(options: AgentOptions): Promise<HaproxyAgent> {
    const layout = layoutBelow(options.directory)
    await mkdir(layout.root, { recursive: true, mode: 0o700 })
    const { saved, problem } = await loadEdge(options.directory)
    if (problem !== null) options.log(problem)
    const loaded = await readLoaded(layout.record)
    const plane = new DataPlane(options.haproxyPath, layout, loaded)
    const tables = new Map(saved.tables.map((table) => [table.environment, table]))
    const desire = { tables, holds: saved.holds, draining: new Set(loaded.draining) }
    const agent = new HaproxyAgent(options, plane, desire)
    agent.#samples.restore(await agent.#archive.read())
    agent.#closers.push(
      await listenToRing(layout.ringSocket, (line) => agent.#traffic.line(line)),
      await serveFiles({
        path: layout.staticSocket,
        tableOf: (environment) => agent.#desire.tables.get(environment),
        onServed: (served) => agent.#countFile(served),
      }),
    )
    agent.#traffic.assign(agent.#pool)
    if (plane.isRunning)
      await plane.read().then(
        (reading) => agent.#traffic.adopt(workerReading(reading)),
        () => {},
      )
    await agent.#inOrder(() => agent.#enforce(agent.#desire))
    agent.#watch()
    return agent
  }

  apply(table: RouteTable, options: CallOptions = {}): Promise<void> {
    return this.#inOrder(async () => {
      options.signal?.throwIfAborted()
      assertApplicable(table, this.#desire.tables)
      assertExpressible(table)
      const tables = new Map(this.#desire.tables).set(table.environment, table)
      const listed = new Set(table.releases.flatMap(instancesOf).map((id) => drainKey(table.environment, id)))
      // The table is the truth: an instance that it lists again takes part again.
      const draining = [...this.#desire.draining].filter(
        (key) => !key.startsWith(`${table.environment} `) && !listed.has(key),
      )
      await this.#become({ ...this.#desire, tables, draining: new Set(draining) })
    })
  }

  async inspect(): Promise<EdgeState> {
    const reading = await this.#plane.read()
    const { tables, holds, draining } = this.#desire
    return {
      pid: process.pid,
      version: this.#options.version,
      startedAt: this.#startedAt,
      environments: edgeStateOf({ tables, holds, draining, reading, pool: this.#pool, traffic: this.#traffic }),
    }
  }

  async samples(query: SampleQuery): Promise<SampleBatch> {
    return this.#samples.read(query)
  }

  async drain(target: DrainTarget, options: CallOptions & { readonly deadlineMs: number }): Promise<Drained> {
    const startedAt = Date.now()
    const until = startedAt + options.deadlineMs
    const ids = await this.#inOrder(async () => {
      const table = this.#desire.tables.get(target.environment)
      const release = table?.releases.find(({ release }) => release === target.release)
      const known = release === undefined ? [] : instancesOf(release)
      const chosen = known.filter((id) => target.instances === undefined || target.instances.includes(id))
      const keys = chosen.map((id) => drainKey(target.environment, id))
      await this.#become({ ...this.#desire, draining: new Set([...this.#desire.draining, ...keys]) })
      return new Set(chosen)
    })
    const slots = this.#pool.flatMap(({ name, user, slots }) =>
      slots
        .filter(({ instance }) => user?.environment === target.environment && ids.has(instance?.id ?? ''))
        .map((slot) => ({ backend: name, slot: slot.name })),
    )
    if (slots.length === 0) return { cut: 0, tookMs: Date.now() - startedAt }
    for (;;) {
      options.signal?.throwIfAborted()
      const left = inFlightOn(await this.#plane.read(), slots)
      if (left === 0) return { cut: 0, tookMs: Date.now() - startedAt }
      if (Date.now() >= until) {
        await this.#plane.cut(slots)
        return { cut: left, tookMs: Date.now() - startedAt }
      }
      await sleep(Math.min(DRAIN_POLL_MS, Math.max(1, until - Date.now())))
    }
  }

  hold(order: HoldOrder): Promise<void> {
    return this.#inOrder(async () => {
      const others = this.#desire.holds.filter(
        ({ environment, service }) =>
          environment !== order.environment || (order.service !== undefined && service !== order.service),
      )
      await this.#become({ ...this.#desire, holds: order.mode === 'off' ? others : [...others, order] })
    })
  }

  /** Leaves HAProxy alone unless it is told to stop it too. */
  async close({ stop = false }: { readonly stop?: boolean } = {}): Promise<void> {
    if (this.#stopping) return
    this.#stopping = true
    for (const timer of this.#timers) clearInterval(timer)
    await this.#inOrder(async () => {
      if (stop) await this.#plane.stop(STOP_GRACE_MS)
    })
    this.#archive.add(this.#samples.flush())
    await this.#archive.write()
    await Promise.all(this.#closers.map((closer) => closer.close()))
    this.#options.onStopped()
  }

  /** All or nothing: what HAProxy refuses leaves everything as it was. */
  async #become(desire: Desire): Promise<void> {
    const before = { desire: this.#desire, pool: this.#pool, assetPaths: this.#assetPaths }
    try {
      await this.#enforce(desire)
    } catch (error) {
      this.#desire = before.desire
      this.#pool = before.pool
      this.#assetPaths = before.assetPaths
      await this.#enforce(before.desire).catch((again: unknown) => this.#options.log(`not restored: ${String(again)}`))
      throw error
    }
    const { tables, holds } = desire
    await saveEdge(this.#options.directory, { tables: [...tables.values()], holds })
  }

  async #enforce(desire: Desire): Promise<void> {
    const all = [...desire.tables.values()]
    const certificates = await readCertificates(all)
    const stamp = await certificateStamp(all)
    const pool = planPool(this.#plane.isRunning || this.#pool.length > 0 ? this.#pool : [], all, Date.now())
    const sections = configurationOf({
      tables: all,
      pool,
      fileLimit: await fileLimit(),
      ipv6: hasIpv6(),
      certificates: new Map(certificates.map(({ port, name }) => [port, name])),
    })
    await this.#assertPortsFree(sections)
    const assetPaths = new Map<string, readonly string[]>()
    for (const table of all) {
      const known = this.#desire.tables.get(table.environment)
      const kept = known === table ? this.#assetPaths.get(table.environment) : undefined
      assetPaths.set(table.environment, kept ?? (await assetPathsOf(table)))
    }
    await writeCertificates(layoutBelow(this.#options.directory).certificates, certificates)
    const plane: DesiredPlane = {
      sections,
      pool,
      maps: mapsOf({ tables: all, holds: desire.holds, pool, assetPaths }),
      slots: wantedSlots(
        pool,
        (environment, id) => desire.draining.has(drainKey(environment, id)),
        await addressesOf(all),
      ),
      draining: [...desire.draining],
      awaited: all.flatMap((table) => newlyLed(table, this.#desire.tables.get(table.environment), pool)),
      awaitMs: AWAIT_MS,
    }
    // Lines of the first requests may come before the commands return.
    this.#traffic.assign(pool)
    const { reloaded } = await this.#plane.set(plane)
    this.#desire = desire
    this.#pool = pool
    this.#assetPaths = assetPaths
    this.#certificateStamp = stamp
    if (reloaded) await pruneCertificates(layoutBelow(this.#options.directory).certificates, certificates)
    const known = new Set(
      all.flatMap((table) => table.releases.flatMap(instancesOf).map((id) => drainKey(table.environment, id))),
    )
    this.#traffic.retain((environment, id) => known.has(drainKey(environment, id)))
  }

  async #assertPortsFree(sections: ReadonlyMap<string, string>): Promise<void> {
    const loaded = this.#plane.isRunning ? new Map(this.#plane.loaded.sections) : new Map<string, string>()
    if (!this.#plane.isRunning) return
    for (const name of missingSections(loaded, sections)) {
      const [, kind, port] = /^(public|internal)-(\d+)$/.exec(name) ?? []
      if (port === undefined || loaded.has(`public-${port}`) || loaded.has(`internal-${port}`)) continue
      await assertPortFree(Number(port), kind === 'internal' ? '127.0.0.1' : undefined)
    }
  }

  #watch(): void {
    const every = (ms: number, what: () => Promise<unknown>) => {
      let busy = false
      const timer = setInterval(() => {
        if (busy || this.#stopping) return
        busy = true
        what()
          .catch((error: unknown) => this.#options.log(String(error)))
          .finally(() => (busy = false))
      }, ms)
      this.#timers.push(timer)
    }
    every(SUPERVISE_MS, () => this.#supervise())
    every(SECOND_MS, () => this.#tick())
    every(CERTIFICATES_MS, () => this.#renewCertificates())
    every(ARCHIVE_MS, () => this.#archive.write())
  }

  async #supervise(): Promise<void> {
    if (this.#plane.isRunning) return
    await this.#inOrder(async () => {
      if (this.#plane.isRunning || this.#stopping) return
      this.#options.log('HAProxy is gone: starting it again with all routes')
      await this.#enforce(this.#desire)
    })
  }

  async #tick(): Promise<void> {
    if (this.#plane.isRunning) {
      const reading = await this.#plane.read().catch(() => null)
      if (reading !== null) await this.#countLosses(reading)
    }
    this.#archive.add(this.#samples.flush())
  }

  async #countLosses(reading: PlaneReading): Promise<void> {
    this.#traffic.read(workerReading(reading))
    await sleep(SETTLE_MS)
    this.#traffic.settle(reading.atMs, (environment) => {
      const table = this.#desire.tables.get(environment)
      return table === undefined ? 0 : thresholdOf(table.split)
    })
  }

  async #renewCertificates(): Promise<void> {
    const stamp = await certificateStamp(this.#desire.tables.values())
    if (stamp === this.#certificateStamp) return
    await this.#inOrder(() => this.#enforce(this.#desire))
  }

  #countFile(served: Parameters<Parameters<typeof serveFiles>[0]['onServed']>[0]): void {
    const { environment, service, release, status, atMs, tookMs } = served
    const table = this.#desire.tables.get(environment)
    const counter = this.#samples.counter({ environment, service, release })
    const weight = table === undefined ? 0 : thresholdOf(table.split) / WEIGHT_STEPS
    const arrival = { second: Math.floor(atMs / SECOND_MS), weight, route: '*' }
    counter.assign(arrival)
    counter.complete(arrival, { status, bad: status >= 500, latencyMs: Math.max(tookMs, 0.5), visitor: null })
  }
}

function workerReading({ servers, assigned, worker, atMs }: PlaneReading): WorkerReading {
  const backends = servers.filter((row) => row['svname'] === 'BACKEND')
  return {
    worker: worker ?? 0,
    assigned,
    atMs,
    inFlight: new Map(backends.map((row) => [nameOf(row), Number(row['scur'])])),
  }
}

function instancesOf(release: RouteTable['releases'][number]): string[] {
  return release.services.flatMap(({ instances }) => instances.map(({ id }) => id))
}

function drainKey(environment: string, instance: string): string {
  return `${environment} ${instance}`
}

/** Backends of releases that get traffic now and had none before. */
function newlyLed(table: RouteTable, before: RouteTable | undefined, pool: Pool): string[] {
  const led = ({ split }: RouteTable) => [split.base, split.weight > 0 ? split.candidate : null]
  const old = before === undefined ? [] : led(before)
  return led(table)
    .filter((release) => release !== null && !old.includes(release))
    .flatMap((release) => table.releases.find((each) => each.release === release)?.services ?? [])
    .flatMap(({ service }) =>
      led(table).map((release) => backendOf(pool, { environment: table.environment, release: release ?? '', service })),
    )
    .flatMap((backend) => (backend === undefined ? [] : [backend.name]))
}

/** HAProxy takes addresses only at run time. */
async function addressesOf(tables: readonly RouteTable[]): Promise<Map<string, string>> {
  const hosts = new Set(
    tables.flatMap(({ releases }) =>
      releases.flatMap(({ services }) => services.flatMap(({ instances }) => instances.map(({ host }) => host))),
    ),
  )
  const addresses = new Map<string, string>()
  for (const host of hosts) {
    if (isIP(host) !== 0) continue
    try {
      addresses.set(host, (await lookup(host, { family: 4 })).address)
    } catch (cause) {
      throw new SluiceError('EDGE_REFUSED_TABLE', `the host ${host} of an instance has no address`, { cause })
    }
  }
  return addresses
}

/** Soft limit of open files, which HAProxy inherits. */
async function fileLimit(): Promise<number> {
  const text = await readFile('/proc/self/limits', 'utf8').catch(() => '')
  const soft = /^Max open files\s+(\d+)/m.exec(text)?.[1]
  return soft === undefined ? 10_240 : Number(soft)
}
