/*
 * Towards clients this edge is node:http(s); towards applications it speaks HTTP/1 itself, on sockets
 * (`upstream-connection.ts`, `response-parser.ts`), and not by undici. Not for speed: a bare undici proxy is a little
 * faster (docs/benchmarks.md). Two promises of the contract need to know what a client library keeps to itself:
 *
 * 1. Retries that are safe. A request may be sent again when not a byte of it reached an application, whatever its
 *    method; after that only a GET, HEAD or OPTIONS may, and not at all once its answer has begun. So each loss has to
 *    be one of: refused, connected but lost before an answer, lost on a kept connection that the application had just
 *    closed, lost in the middle of an answer. A pool that queues and reconnects reports an error of a request; which of
 *    these it was, and on which instance, has to be guessed. The same facts mark an instance as down at the first
 *    refusal, let a request wait for it to come back, and count what an application dropped.
 * 2. Trailers, both ways (capability `trailers`). undici 8 takes none for a request.
 *
 * Further reasons: a request goes on a kept connection only if that is younger than any usual time-out of applications;
 * an upload is passed on and held back chunk by chunk with its client's pace; an answer's head and small body leave in
 * one write; the hop-by-hop headers of both sides are dropped while they are read, not afterwards.
 * The price is a parser of our own: it is strict (what is not clearly HTTP/1 ends the connection), reads answers of
 * applications only, never bytes of strangers, and has a suite of its own.
 */

import { SluiceError } from '../../model/error.ts'
import { type Hold, withHold } from '../../model/holds.ts'
import { visitorIds } from '../assignment.ts'
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
import { type SavedEdge, saveEdge } from '../edge-state.ts'
import type { SampleArchive } from '../samples/sample-archive.ts'
import { SampleLog } from '../samples/sample-log.ts'
import { assertApplicable } from '../table.ts'
import { nodeCapabilities } from './capabilities.ts'
import { Certificates } from './clients/certificates.ts'
import { Listeners, type Port, portsOf } from './clients/listeners.ts'
import type { Core } from './core.ts'
import { describeEnvironment } from './describe.ts'
import { buildEnvironment, type Environment, routedReleases } from './environment.ts'
import type { Backend } from './instances/backend.ts'
import { drainBackends } from './instances/drain.ts'
import { healthChecks } from './instances/health-checks.ts'
import { frontDoor } from './requests/front-door.ts'
import { WaitingRoom } from './requests/waiting-room.ts'

export interface NodeEdgeOptions {
  readonly directory: string
  readonly version: string
  readonly archive: SampleArchive
  /** Descriptors of listening sockets by port, from the process before this one. */
  readonly inherited?: ReadonlyMap<number, number>
  readonly log: (message: string) => void
}

interface HandOver {
  readonly descriptors: ReadonlyMap<number, number>
  readonly saved: SavedEdge
  readonly health: Record<string, boolean>
}

const CHECK_MS = 200
const FLUSH_MS = 1000

/** The edge inside its process: tables in force, the listeners and instances they ask for, and what happened to requests. */
export class NodeEdge implements Edge {
  readonly capabilities = nodeCapabilities
  readonly log: SampleLog
  readonly #options: NodeEdgeOptions
  readonly #startedAt = new Date().toISOString()
  readonly #certificates = new Certificates()
  readonly #waitingRoom = new WaitingRoom()
  readonly #checks = healthChecks((backend) => this.#waitingRoom.wake(backend.identity.environment))
  readonly #listeners: Listeners
  readonly #core: Core
  readonly #timers: NodeJS.Timeout[] = []
  readonly #drains = new Map<Backend, AbortController>()
  /** Not in the table any more, with something still in flight. */
  readonly #parting = new Set<Backend>()
  #environments = new Map<string, Environment>()
  #ports: ReadonlyMap<number, Port> = new Map()
  #changes: Promise<unknown> = Promise.resolve()
  #isUnsaved = false
  #isLeaving = false
  /** The process before this one, as long as it still serves connections that it had. */
  predecessor: Edge | null = null

  constructor(options: NodeEdgeOptions) {
    this.#options = options
    this.log = new SampleLog()
    this.#core = this.#makeCore()
    this.#listeners = new Listeners({
      certificates: this.#certificates,
      handlersFor: (port) => frontDoor(this.#core, () => this.#ports.get(port)),
      inherited: options.inherited ?? new Map(),
    })
    this.#timers.push(setInterval(() => this.#check(), CHECK_MS))
    this.#timers.push(setInterval(() => void this.#tick(), FLUSH_MS))
  }

  /** Serves by the tables that were in force before; nobody's health is known yet, so all are presumed healthy. */
  async restore(saved: SavedEdge, health: ReadonlyMap<string, boolean> = new Map()): Promise<void> {
    const tables = new Map(saved.tables.map((table) => [table.environment, table]))
    const ports = portsOf(tables)
    this.#certificates.use(await this.#certificates.load(saved.tables.flatMap((table) => table.certificates)))
    const opened = await this.#listeners.open(ports)
    for (const table of tables.values()) {
      const environment = this.#install(table)
      for (const order of saved.holds) {
        if (order.environment === table.environment) environment.holds = withHold(environment.holds, holdIn(order))
      }
      for (const backend of environment.backends.values()) {
        backend.isHealthy = health.get(backend.instance.id) ?? false
        backend.isPresumed = !health.has(backend.instance.id)
      }
    }
    this.#ports = ports
    this.#listeners.use(ports, opened)
  }

  apply(table: RouteTable, options: CallOptions = {}): Promise<void> {
    return this.#inTurn(async () => {
      const tables = new Map([...this.#environments].map(([name, environment]) => [name, environment.table]))
      assertApplicable(table, tables)
      tables.set(table.environment, table)
      const ports = portsOf(tables)
      const certificates = await this.#certificates.load([...tables.values()].flatMap((each) => each.certificates))
      const opened = this.#isLeaving ? [] : await this.#listeners.open(ports)
      // From here on nothing fails and nothing waits: all of the table takes effect at once.
      this.#certificates.use(certificates)
      this.#install(table)
      this.#ports = ports
      if (!this.#isLeaving) this.#listeners.use(ports, opened)
      this.#waitingRoom.wake(table.environment)
      await this.#save()
      await this.#toPredecessor((edge) => edge.apply(table, options))
    })
  }

  async inspect(): Promise<EdgeState> {
    const { version } = this.#options
    const environments = [...this.#environments.values()].map(describeEnvironment)
    return { pid: process.pid, version, startedAt: this.#startedAt, environments }
  }

  async samples(query: SampleQuery): Promise<SampleBatch> {
    this.flush()
    return this.log.read(query)
  }

  async drain(target: DrainTarget, options: CallOptions & { readonly deadlineMs: number }): Promise<Drained> {
    const { environment, release, instances } = target
    const known = [...(this.#environments.get(environment)?.backends.values() ?? []), ...this.#parting]
    const backends = known.filter(
      ({ identity, instance }) =>
        identity.environment === environment &&
        identity.release === release &&
        (instances === undefined || instances.includes(instance.id)),
    )
    const stop = new AbortController()
    for (const backend of backends) this.#drains.set(backend, stop)
    const signal = options.signal === undefined ? stop.signal : AbortSignal.any([stop.signal, options.signal])
    try {
      const [own, before] = await Promise.all([
        drainBackends(backends, { deadlineMs: options.deadlineMs, until: target.until ?? 'idle', signal }),
        this.predecessor?.drain(target, options).catch(() => null),
      ])
      return {
        cut: own.cut + (before?.cut ?? 0),
        left: own.left + (before?.left ?? 0),
        tookMs: Math.max(own.tookMs, before?.tookMs ?? 0),
      }
    } finally {
      for (const backend of backends) if (this.#drains.get(backend) === stop) this.#drains.delete(backend)
    }
  }

  hold(order: HoldOrder, options: CallOptions = {}): Promise<void> {
    return this.#inTurn(async () => {
      const environment = this.#environments.get(order.environment)
      if (environment === undefined) {
        throw new SluiceError('NOT_FOUND', `the edge serves no environment ${order.environment}`)
      }
      environment.holds = withHold(environment.holds, holdIn(order))
      this.#waitingRoom.wake(order.environment)
      await this.#save()
      await this.#toPredecessor((edge) => edge.hold(order, options))
    })
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    this.#checks.close()
    this.flush()
    await this.#options.archive.write()
    for (const listener of this.#listeners.all) listener.destroy()
    this.#listeners.stopListening()
  }

  /** Moves all that was counted into the log. */
  flush(): void {
    this.#options.archive.add(this.log.flush())
  }

  /** What the next process needs: descriptors of the listening sockets, and who is healthy. */
  handOver(): HandOver {
    const health: Record<string, boolean> = {}
    for (const environment of this.#environments.values()) {
      for (const backend of environment.backends.values()) health[backend.instance.id] = backend.isHealthy
    }
    return { descriptors: this.#listeners.descriptors(), saved: this.#saved(), health }
  }

  /** The next process listens now: kept connections are told to move with their next answer. */
  leave(): void {
    this.#isLeaving = true
    this.#listeners.stopListening()
  }

  get connections(): number {
    return this.#listeners.all.reduce((sum, listener) => sum + listener.connections, 0)
  }

  get hasRequests(): boolean {
    return this.#listeners.all.some((listener) => listener.hasRequests)
  }

  #makeCore(): Core {
    const isLeaving = () => this.#isLeaving
    return {
      environment: (name) => this.#environments.get(name),
      newVisitor: visitorIds(),
      refused: (backend) => this.#checks.refused(backend),
      left: (backend) => {
        if (backend.occupations.size === 0 && this.#parting.has(backend)) this.#part(backend)
      },
      wait: (waiter) => this.#waitingRoom.add(waiter),
      stopWaiting: (waiter) => this.#waitingRoom.remove(waiter),
      get isLeaving() {
        return isLeaving()
      },
    }
  }

  #install(table: RouteTable): Environment {
    const before = this.#environments.get(table.environment)
    const { environment, added, removed } = buildEnvironment(table, before, this.log)
    const isGone = table.releases.length === 0 && table.listeners.http === null && table.listeners.https === null
    if (isGone) this.#environments.delete(table.environment)
    else this.#environments.set(table.environment, environment)
    for (const backend of added) this.#checks.watch(backend)
    for (const backend of removed) {
      this.#checks.forget(backend)
      this.#parting.add(backend)
      if (backend.occupations.size === 0) this.#part(backend)
    }
    if (before !== undefined) this.#bringBack(before, environment)
    return environment
  }

  /** Traffic that leads to a release again ends the drain of its instances. */
  #bringBack(before: Environment, now: Environment): void {
    const routedBefore = routedReleases(before.table)
    const routedAgain = [...routedReleases(now.table)].filter((release) => !routedBefore.has(release))
    for (const backend of now.backends.values()) {
      if (!backend.isDraining || !routedAgain.includes(backend.identity.release)) continue
      this.#drains.get(backend)?.abort(new SluiceError('STATE_CONFLICT', 'the release gets traffic again'))
      backend.isDraining = false
    }
  }

  #part(backend: Backend): void {
    this.#parting.delete(backend)
    backend.closeIdle(true)
    const { environment } = backend.identity
    const successors = this.#environments.get(environment)?.backends.values() ?? []
    if ([...successors].some((other) => other.counter === backend.counter)) return
    this.#options.archive.add(this.log.release(backend.counter))
  }

  #check(): void {
    const now = performance.now()
    this.#listeners.check(now)
    this.#waitingRoom.check(now)
    for (const environment of this.#environments.values()) {
      for (const backend of environment.backends.values()) checkBackend(backend, now)
    }
    for (const backend of this.#parting) checkBackend(backend, now)
  }

  async #tick(): Promise<void> {
    this.flush()
    await this.#options.archive.write()
    await this.#certificates.reload((error) => this.#options.log(`certificate not reloaded: ${String(error)}`))
    if (this.#isUnsaved) await this.#inTurn(() => this.#save())
  }

  /** A full disk must not stop a rollback: the table is in force, and is written again until that succeeds. */
  async #save(): Promise<void> {
    if (this.#isLeaving) return
    try {
      await saveEdge(this.#options.directory, this.#saved())
      this.#isUnsaved = false
    } catch (error) {
      this.#isUnsaved = true
      this.#options.log(`the state could not be written, trying again: ${String(error)}`)
    }
  }

  #saved(): SavedEdge {
    const environments = [...this.#environments.values()]
    const holds = environments.flatMap(({ name, holds: held }) => held.map((hold) => ({ environment: name, ...hold })))
    return { tables: environments.map((each) => each.table), holds }
  }

  async #toPredecessor(call: (edge: Edge) => Promise<void>): Promise<void> {
    if (this.predecessor !== null) await call(this.predecessor).catch(() => {})
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#changes.then(change)
    this.#changes = done.catch(() => {})
    return done
  }
}

function holdIn({ environment: _environment, ...hold }: HoldOrder): Hold {
  return hold
}

function checkBackend(backend: Backend, nowMs: number): void {
  for (const occupation of backend.occupations.all()) occupation.check(nowMs)
  backend.closeIdle(false)
}
