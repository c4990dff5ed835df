import { WEIGHT_STEPS } from '../../assignment.ts'
import { type RouteTemplates, routeTemplates } from '../../samples/route-template.ts'
import type { CounterKey } from '../../samples/sample-counter.ts'
import type { SampleLog } from '../../samples/sample-log.ts'
import { PROBE_FRONTEND } from '../configuration/configuration.ts'
import { AGENT_BACKEND } from '../configuration/maps.ts'
import type { BackendUser, Pool } from '../pool.ts'
import { type AboutArrival, Ledger } from './ledger.ts'
import { type LoggedRequest, parseLogLine } from './log-line.ts'

export interface InstanceTraffic {
  completed: number
  /** Answers that it began and did not end, and requests that it never answered, as far as the log tells of them. */
  broken: number
  /** Those among them that a drain has told of. */
  brokenTold: number
  lastRequestAtMs: number | null
}

/** Requests of one worker by backend. */
export interface WorkerReading {
  readonly worker: number
  readonly assigned: ReadonlyMap<string, number>
  readonly inFlight: ReadonlyMap<string, number>
  readonly sentAtMs: number
  readonly atMs: number
}

/** Who used a backend, kept after it was freed: a long request is logged when its release is gone. */
interface Owner {
  readonly user: BackendUser
  /** Slot → instance. */
  readonly slots: Map<string, string>
}

/** Turns HAProxy's log into samples and into what has been seen of each instance. */
export class Traffic {
  readonly #samples: SampleLog
  readonly #mark: string
  readonly #owners = new Map<string, Owner[]>()
  readonly #instances = new Map<string, InstanceTraffic>()
  readonly #templates = new Map<string, RouteTemplates>()
  #pool: Pool = []
  #hasGap = false
  #worker: number | null = null
  readonly #probes = new Map<string, () => void>()
  readonly #ledgers = new Map<string, Ledger>()

  constructor(samples: SampleLog, mark: string) {
    this.#samples = samples
    this.#mark = mark
  }

  /** Learns who uses which slots from now on. */
  assign(pool: Pool): void {
    this.#pool = pool
    for (const { name, user, slots } of pool) {
      if (user === null) continue
      const owners = this.#owners.get(name) ?? []
      const known = owners[0]
      const seats = known !== undefined && isSame(known.user, user) ? known.slots : new Map<string, string>()
      for (const slot of slots) if (slot.instance !== null) seats.set(slot.name, slot.instance.id)
      if (known?.slots !== seats) this.#owners.set(name, [{ user, slots: seats }, ...owners].slice(0, 3))
    }
  }

  /** Takes a line of the log; answers with the worker that wrote it, if it tells. */
  line(text: string): number | null {
    const request = parseLogLine(text, this.#mark)
    if (request === null) {
      if (/\bdropped\b/.test(text)) this.gap(this.#worker)
      return null
    }
    const { sequence, worker, endedAtMs } = request
    if (request.backend === PROBE_FRONTEND) this.#probes.get(request.path)?.()
    const counted = sequence === null ? null : this.#ledgerOf(worker, request.backend).ended(sequence, endedAtMs)
    const [backend = '', service = '', release = ''] = request.route.split('|')
    if (backend === '' || backend === AGENT_BACKEND) return worker
    const owner = this.#ownerOf(backend, service, release)
    if (request.backend === backend) this.#seen(request, owner)
    else if (/^b\d+$/.test(request.backend)) this.#seen(request, this.#owners.get(request.backend)?.[0])
    if (owner !== undefined && !request.pinned) this.#count(request, backend, owner, counted)
    return worker
  }

  /** Begins with a worker that served before we listened. */
  adopt({ worker, assigned, inFlight, sentAtMs }: WorkerReading): void {
    for (const [backend, count] of assigned) {
      const before = { assigned: count, inFlight: inFlight.get(backend) ?? 0, atMs: sentAtMs }
      this.#ledgers.set(`${worker} ${backend}`, new Ledger(before))
    }
  }

  /** Takes a reading, and counts what has been under way since the one before. `weightIn` is the weight of now. */
  read({ worker, assigned, inFlight, sentAtMs, atMs }: WorkerReading, weightIn: (environment: string) => number): void {
    for (const key of this.#ledgers.keys()) if (!key.startsWith(`${worker} `)) this.#ledgers.delete(key)
    if (worker !== this.#worker) this.#hasGap = false
    this.#worker = worker
    if (this.#hasGap) {
      // We were too slow for the log: what it dropped must not look like requests that instances lost.
      this.#hasGap = false
      this.adopt({ worker, assigned, inFlight, sentAtMs, atMs })
    }
    for (const [backend, count] of assigned) {
      const user = this.#owners.get(backend)?.[0]?.user
      const weight = user === undefined ? 0 : weightIn(user.environment)
      const reading = { assigned: count, inFlight: inFlight.get(backend) ?? 0, atMs, weight }
      const late = this.#ledgerOf(worker, backend).read(reading)
      if (user === undefined) continue
      const counter = this.#samples.counter(this.#guess(backend, user))
      for (const arrival of late) counter.assign({ ...arrival, route: '*' })
    }
  }

  /** Lines may have been lost: what is not logged tells nothing until the next reading. */
  gap(worker: number | null): void {
    // Nothing is missed of a worker that a reload has replaced, and nothing came from one that never wrote.
    if (worker !== null && worker === this.#worker) this.#hasGap = true
  }

  /** Resolves with true when the log tells of the probe with this path: all lines from before it have come then. */
  probed(path: string, deadlineMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const finish = (isSeen: boolean) => {
        clearTimeout(timer)
        this.#probes.delete(path)
        resolve(isSeen)
      }
      const timer = setTimeout(() => finish(false), deadlineMs)
      this.#probes.set(path, () => finish(true))
    })
  }

  /** Counts what was lost without a trace as of the last reading, if the log is read so far. */
  settle(isComplete: boolean): void {
    for (const [key, ledger] of this.#ledgers) {
      if (!isComplete || this.#hasGap) {
        ledger.postpone()
        continue
      }
      const losses = ledger.settle()
      const backend = key.slice(key.indexOf(' ') + 1)
      const user = this.#owners.get(backend)?.[0]?.user
      if (losses.length === 0 || user === undefined) continue
      const counter = this.#samples.counter(this.#guess(backend, user))
      for (const { arrival, counted } of losses) {
        const where = { ...arrival, route: '*' }
        if (!counted) counter.assign(where)
        counter.complete(where, { status: null, bad: true, visitor: null })
      }
    }
  }

  instance(environment: string, id: string): InstanceTraffic {
    const key = `${environment} ${id}`
    let traffic = this.#instances.get(key)
    if (traffic === undefined) {
      traffic = { completed: 0, broken: 0, brokenTold: 0, lastRequestAtMs: null }
      this.#instances.set(key, traffic)
    }
    return traffic
  }

  /** Slots that a release's instances have, or had and nobody took since. */
  slotsOf(
    pool: Pool,
    release: { readonly environment: string; readonly release: string },
    isMeant: (id: string) => boolean,
  ): { readonly backend: string; readonly slot: string; readonly id: string }[] {
    return pool.flatMap(({ name, slots }) =>
      (this.#owners.get(name) ?? [])
        .filter(({ user }) => user.environment === release.environment && user.release === release.release)
        .flatMap((owner) => [...owner.slots].map(([slot, id]) => ({ backend: name, slot, id })))
        .filter(({ slot, id }) => {
          const now = slots.find((each) => each.name === slot)?.instance ?? null
          return isMeant(id) && (now === null || now.id === id)
        }),
    )
  }

  /** Forgets instances that no table names any more. */
  retain(isKnown: (environment: string, id: string) => boolean): void {
    for (const key of this.#instances.keys()) {
      const [environment = '', id = ''] = key.split(' ')
      if (!isKnown(environment, id)) this.#instances.delete(key)
    }
  }

  #ledgerOf(worker: number, backend: string): Ledger {
    const key = `${worker} ${backend}`
    let ledger = this.#ledgers.get(key)
    if (ledger === undefined) {
      ledger = new Ledger()
      this.#ledgers.set(key, ledger)
    }
    return ledger
  }

  /** Nobody tells which instance has a request that is under way or lost; where there is one only, it was that. */
  #guess(backend: string, user: BackendUser): CounterKey {
    const seated = this.#pool.find(({ name }) => name === backend)?.slots.filter(({ instance }) => instance !== null)
    const only = seated?.length === 1 ? seated[0]?.instance?.id : undefined
    return only === undefined ? user : { ...user, instance: only }
  }

  #ownerOf(backend: string, service: string, release: string): Owner | undefined {
    return this.#owners.get(backend)?.find(({ user }) => user.release === release && user.service === service)
  }

  #seen(request: LoggedRequest, owner: Owner | undefined): void {
    const id = owner?.slots.get(request.slot)
    if (owner === undefined || id === undefined) return
    const seen = this.instance(owner.user.environment, id)
    seen.completed++
    if (request.status !== 101 && isServer(request.ender) && 'CHD'.includes(request.state)) seen.broken++
    seen.lastRequestAtMs = Math.max(seen.lastRequestAtMs ?? 0, request.arrivedAtMs)
  }

  #count(request: LoggedRequest, backend: string, { user, slots }: Owner, counted: AboutArrival | null): void {
    // What the edge refused for its own reasons says nothing about a release; a wait in vain does.
    if (request.error !== null && request.error !== 'HOLD_TIMEOUT') return
    const failedAtOnce = request.backend !== backend
    const id = failedAtOnce ? undefined : slots.get(request.slot)
    // The first attempt is judged, and nobody says which instance had it when another one answered.
    const judged = id === undefined || request.redispatched ? user : { ...user, instance: id }
    const counter = this.#samples.counter(judged)
    const templates = this.#templatesOf(user)
    if (request.status !== null && request.status !== 404) templates.admit(request.path)
    const arrival = {
      second: counted?.second ?? Math.floor(request.arrivedAtMs / 1000),
      weight: counted?.weight ?? request.threshold / WEIGHT_STEPS,
      route: counted === null ? templates.of(request.path) : '*',
    }
    if (counted === null) counter.assign(arrival)
    if (failedAtOnce) {
      counter.complete(arrival, { status: null, bad: true, visitor: request.visitor })
      return
    }
    const status = statusOf(request)
    counter.complete(arrival, {
      status,
      bad: isBad(request),
      visitor: request.visitor,
      ...(request.latencyMs === null || status === null ? {} : { latencyMs: Math.max(request.latencyMs, 0.5) }),
    })
  }

  #templatesOf({ environment, service }: BackendUser): RouteTemplates {
    const key = `${environment} ${service}`
    let templates = this.#templates.get(key)
    if (templates === undefined) {
      templates = routeTemplates()
      this.#templates.set(key, templates)
    }
    return templates
  }
}

const CLIENT_GAVE_UP = 499

/** HAProxy logs a status of its own for requests whose client or instance went away before there was an answer. */
function statusOf({ status, ender, state, latencyMs }: LoggedRequest): number | null {
  const hadNoAnswer = status === null || (latencyMs === null && 'RQCHL'.includes(state))
  if (hadNoAnswer && isClient(ender)) return CLIENT_GAVE_UP
  return hadNoAnswer && ender !== '-' ? null : status
}

function isClient(ender: string): boolean {
  return ender === 'C' || ender === 'c'
}

function isServer(ender: string): boolean {
  return ender === 'S' || ender === 's'
}

function isBad(request: LoggedRequest): boolean {
  const { status, ender, state, retries } = request
  // A client that left says nothing about the release.
  if (isClient(ender)) return retries > 0
  if (retries > 0 || status === null || status >= 500) return true
  return status !== 101 && state === 'D' && isServer(ender)
}

function isSame(a: BackendUser, b: BackendUser): boolean {
  return a.environment === b.environment && a.release === b.release && a.service === b.service
}
