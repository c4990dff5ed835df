import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { SluiceError } from '../../../model/error.ts'
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
} from '../../edge.ts'
import { loadEdge, saveEdge } from '../../edge-state.ts'
import { type SampleArchive, sampleArchive } from '../../samples/sample-archive.ts'
import { SampleLog } from '../../samples/sample-log.ts'
import { assertApplicable } from '../../table.ts'
import { haproxyCapabilities } from '../capabilities.ts'
import { certificateStamp, pruneCertificates, writeCertificates } from '../configuration/certificate-files.ts'
import { missingSections } from '../configuration/configuration.ts'
import { DataPlane, nameOf, type PlaneReading } from '../data-plane/data-plane.ts'
import { readLoaded } from '../data-plane/loaded.ts'
import { layoutBelow } from '../layout.ts'
import type { Pool } from '../pool.ts'
import { listenToRing, type RingLog } from '../samples/ring-log.ts'
import { type InstanceTraffic, Traffic, type WorkerReading } from '../samples/traffic.ts'
import {
  type AssetPaths,
  type Desire,
  drainKey,
  instancesOf,
  planFor,
  weightIn,
  withHoldOrder,
  withTable,
} from './desire.ts'
import { edgeStateOf, inFlightOn, streamsOn } from './edge-state-view.ts'
import { rotateLog } from './log-rotation.ts'
import { assertPortFree } from './ports.ts'
import { serial } from './serial.ts'
import { type ServedFile, type StaticServer, serveFiles } from './static-server.ts'
import { assertExpressible } from './table-limits.ts'

export interface AgentOptions {
  readonly directory: string
  readonly haproxyPath: string
  readonly version: string
  readonly log: (text: string) => void
  /** Called once the agent was told to stop and has. */
  readonly onStopped: () => void
}

const SECOND_MS = 1000
/** Longest wait for a probe to come back through the log. */
const PROBE_MS = 800
const SUPERVISE_MS = 250
const START_AGAIN_MS = 2000
const ROTATE_MS = 30_000
const CERTIFICATES_MS = 1000
const ARCHIVE_MS = 3000
const DRAIN_POLL_MS = 20
const STOP_GRACE_MS = 1500

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
  #assetPaths: AssetPaths = new Map()
  #isUnsaved = false
  #nextStartAtMs = 0
  #certificateStamp = ''
  #stopping = false

  private constructor(
    options: AgentOptions,
    parts: { readonly plane: DataPlane; readonly desire: Desire; readonly mark: string },
  ) {
    this.#options = options
    this.#plane = parts.plane
    this.#desire = parts.desire
    this.#pool = parts.plane.loaded.pool
    this.#traffic = new Traffic(this.#samples, parts.mark)
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
    const mark = loaded.ring.mark === '' ? randomBytes(8).toString('hex') : loaded.ring.mark
    const agent = new HaproxyAgent(options, { plane, desire, mark })
    agent.#samples.restore(await agent.#archive.read())
    agent.#traffic.assign(agent.#pool)
    // Before the first line comes: what was assigned until now is not ours to count.
    const reading = plane.isRunning ? await plane.read().catch(() => null) : null
    if (reading !== null) agent.#traffic.adopt(workerReading(reading))
    const ring = await listenToRing(loaded.ring.port, {
      onLine: (line) => agent.#traffic.line(line),
      onGap: (worker) => agent.#traffic.gap(worker),
    })
    plane.ring = { port: ring.port, mark }
    const files = await serveFiles({
      path: layout.staticSocket,
      tableOf: (environment) => agent.#desire.tables.get(environment),
      onServed: (served) => agent.#countFile(served),
    })
    agent.#closers.push(ring, files)
    await agent.#inOrder(() => agent.#enforce(agent.#desire))
    agent.#watch()
    return agent
  }

  apply(table: RouteTable, options: CallOptions = {}): Promise<void> {
    return this.#inOrder(async () => {
      options.signal?.throwIfAborted()
      assertApplicable(table, this.#desire.tables)
      assertExpressible(table)
      await this.#become(withTable(this.#desire, table))
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
    this.#archive.add(this.#samples.flush())
    return this.#samples.read(query)
  }

  async drain(target: DrainTarget, options: CallOptions & { readonly deadlineMs: number }): Promise<Drained> {
    const { environment } = target
    const startedAt = performance.now()
    const slots = await this.#inOrder(async () => {
      const table = this.#desire.tables.get(environment)
      const release = table?.releases.find((each) => each.release === target.release)
      const ids = release === undefined ? [] : instancesOf(release)
      const isMeant = (id: string) => target.instances === undefined || target.instances.includes(id)
      const keys = ids.filter(isMeant).map((id) => drainKey(environment, id))
      for (const id of ids.filter(isMeant)) {
        // What broke before the drain is none of its business; what breaks between two drains in a row is.
        if (!this.#desire.draining.has(drainKey(environment, id))) takeBroken(this.#traffic.instance(environment, id))
      }
      await this.#become({ ...this.#desire, draining: new Set([...this.#desire.draining, ...keys]) })
      // Also slots of instances that the table has dropped while they were busy.
      return this.#traffic.slotsOf(this.#pool, { environment, release: target.release }, isMeant)
    })
    const isUndone = () => slots.some(({ id }) => this.#isBackInRotation(environment, id))
    const seen = [...new Set(slots.map(({ id }) => this.#traffic.instance(environment, id)))]
    const broken = () => seen.reduce((sum, each) => sum + takeBroken(each), 0)
    let wasBusy = false
    for (;;) {
      options.signal?.throwIfAborted()
      if (isUndone()) throw new SluiceError('STATE_CONFLICT', 'the release gets traffic again')
      const reading = slots.length === 0 ? null : await this.#plane.read()
      const left = reading === null ? 0 : inFlightOn(reading, slots)
      const requests = reading === null ? 0 : left - streamsOn(reading, slots)
      wasBusy ||= left > 0
      const tookMs = performance.now() - startedAt
      const isLate = tookMs >= options.deadlineMs
      if (left === 0 || (target.until === 'streams' && (requests === 0 || isLate))) {
        if (wasBusy) await this.#logIsRead()
        return { cut: broken(), left, tookMs }
      }
      if (isLate) {
        const cut = left + broken()
        await this.#plane.cut(slots)
        return { cut, left: 0, tookMs }
      }
      await sleep(Math.min(DRAIN_POLL_MS, Math.max(1, options.deadlineMs - tookMs)))
    }
  }

  hold(order: HoldOrder): Promise<void> {
    return this.#inOrder(async () => {
      if (!this.#desire.tables.has(order.environment)) {
        throw new SluiceError('NOT_FOUND', `the edge serves no environment ${order.environment}`)
      }
      await this.#become(withHoldOrder(this.#desire, order))
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
    const before = this.#desire
    try {
      await this.#enforce(desire)
    } catch (error) {
      await this.#enforce(before).catch((again: unknown) => this.#options.log(`not restored: ${String(again)}`))
      throw error
    }
    await this.#save()
  }

  async #enforce(desire: Desire): Promise<void> {
    const { certificates } = layoutBelow(this.#options.directory)
    const plan = await planFor(desire, {
      desire: this.#desire,
      pool: this.#pool,
      assetPaths: this.#assetPaths,
      certificateFolder: certificates,
      ring: this.#plane.ring,
      log: this.#options.log,
    })
    await this.#assertPortsFree(plan.plane.sections)
    await writeCertificates(certificates, plan.certificates)
    // Lines of the first requests may come before the commands return.
    this.#traffic.assign(plan.pool)
    const { reloaded } = await this.#plane.set(plan.plane)
    this.#desire = desire
    this.#pool = plan.pool
    this.#assetPaths = plan.assetPaths
    this.#certificateStamp = plan.certificateStamp
    if (reloaded) await pruneCertificates(certificates, plan.certificates, desire.tables.values())
    const known = new Set(
      [...desire.tables.values()].flatMap(({ environment, releases }) =>
        releases.flatMap(instancesOf).map((id) => drainKey(environment, id)),
      ),
    )
    this.#traffic.retain((environment, id) => known.has(drainKey(environment, id)))
  }

  /** A full disk must not stop a rollback: the tables are in force, and are written again until that succeeds. */
  async #save(): Promise<void> {
    const { tables, holds } = this.#desire
    try {
      await saveEdge(this.#options.directory, { tables: [...tables.values()], holds })
      this.#isUnsaved = false
    } catch (error) {
      this.#isUnsaved = true
      this.#options.log(`the state could not be written, trying again: ${String(error)}`)
    }
  }

  #isBackInRotation(environment: string, id: string): boolean {
    if (this.#desire.draining.has(drainKey(environment, id))) return false
    return this.#desire.tables.get(environment)?.releases.some((release) => instancesOf(release).includes(id)) ?? false
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
    every(ROTATE_MS, () => this.#rotateLogs())
    every(CERTIFICATES_MS, () => this.#renewCertificates())
    every(ARCHIVE_MS, async () => {
      await this.#archive.write()
      if (this.#isUnsaved) await this.#inOrder(() => this.#save())
    })
  }

  async #supervise(): Promise<void> {
    if (this.#plane.isRunning || performance.now() < this.#nextStartAtMs) return
    await this.#inOrder(async () => {
      if (this.#plane.isRunning || this.#stopping) return
      this.#options.log('HAProxy is gone: starting it again with all routes')
      // At once the first time; one that cannot start is not tried four times a second.
      this.#nextStartAtMs = performance.now() + START_AGAIN_MS
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
    this.#traffic.read(workerReading(reading), (environment) => weightIn(this.#desire, environment))
    this.#traffic.settle(await this.#logIsRead())
  }

  /** True: all lines that HAProxy had written by now have come, as that of a request of ours came after them. */
  async #logIsRead(): Promise<boolean> {
    const path = `/${randomBytes(6).toString('hex')}`
    const probed = this.#traffic.probed(path, PROBE_MS)
    await this.#plane.probe(path).catch(() => {})
    return probed
  }

  async #rotateLogs(): Promise<void> {
    await rotateLog(layoutBelow(this.#options.directory).log)
    await rotateLog(join(this.#options.directory, 'edge.log'))
  }

  async #renewCertificates(): Promise<void> {
    const stamp = await certificateStamp(this.#desire.tables.values())
    if (stamp === this.#certificateStamp) return
    await this.#inOrder(() => this.#enforce(this.#desire))
  }

  #countFile(served: ServedFile): void {
    const { environment, service, release, status, atMs, tookMs } = served
    const counter = this.#samples.counter({ environment, service, release })
    const arrival = { second: Math.floor(atMs / SECOND_MS), weight: weightIn(this.#desire, environment), route: '*' }
    counter.assign(arrival)
    counter.complete(arrival, { status, bad: status >= 500, latencyMs: Math.max(tookMs, 0.5), visitor: null })
  }
}

function takeBroken(traffic: InstanceTraffic): number {
  const broken = traffic.broken - traffic.brokenTold
  traffic.brokenTold = traffic.broken
  return broken
}

function workerReading({ servers, assigned, worker, sentAtMs, atMs }: PlaneReading): WorkerReading {
  const backends = servers.filter((row) => row['svname'] === 'BACKEND')
  const inFlight = new Map(backends.map((row) => [nameOf(row), Number(row['scur'])]))
  return { worker, assigned, inFlight, sentAtMs, atMs }
}
