import { WEIGHT_STEPS } from '../assignment.ts'
import { type RouteTemplates, routeTemplates } from '../route-template.ts'
import type { SampleLog } from '../sample-log.ts'
import { HiddenLosses } from './hidden-losses.ts'
import { type LoggedRequest, parseLogLine } from './log-line.ts'
import { AGENT_BACKEND } from './maps.ts'
import type { BackendUser, Pool } from './pool.ts'

export interface InstanceTraffic {
  completed: number
  lastRequestAtMs: number | null
}

/** Requests of one worker by backend. */
export interface WorkerReading {
  readonly worker: number
  readonly assigned: ReadonlyMap<string, number>
  readonly inFlight: ReadonlyMap<string, number>
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
  readonly #owners = new Map<string, Owner[]>()
  readonly #instances = new Map<string, InstanceTraffic>()
  readonly #templates = new Map<string, RouteTemplates>()
  readonly #losses = new Map<string, HiddenLosses>()

  constructor(samples: SampleLog) {
    this.#samples = samples
  }

  /** Learns who uses which slots from now on. */
  assign(pool: Pool): void {
    for (const { name, user, slots } of pool) {
      if (user === null) continue
      const owners = this.#owners.get(name) ?? []
      const known = owners[0]
      const seats = known !== undefined && isSame(known.user, user) ? known.slots : new Map<string, string>()
      for (const slot of slots) if (slot.instance !== null) seats.set(slot.name, slot.instance.id)
      if (known?.slots !== seats) this.#owners.set(name, [{ user, slots: seats }, ...owners].slice(0, 3))
    }
  }

  line(text: string): void {
    const request = parseLogLine(text)
    if (request === null) return
    if (request.sequence !== null) {
      this.#lossesOf(request.worker, request.backend).line(request.sequence, request.endedAtMs)
    }
    const [backend = '', service = '', release = ''] = request.route.split('|')
    if (backend === '' || backend === AGENT_BACKEND || request.error === 'MAINTENANCE') return
    const owner = this.#owners.get(backend)?.find(({ user }) => user.release === release && user.service === service)
    if (owner !== undefined) this.#count(request, owner)
  }

  /** What a worker assigned before we listened is taken for answered. */
  adopt({ worker, assigned, inFlight }: WorkerReading): void {
    for (const [backend, count] of assigned) {
      this.#losses.set(`${worker} ${backend}`, new HiddenLosses(count - (inFlight.get(backend) ?? 0)))
    }
  }

  read({ worker, assigned, inFlight, atMs }: WorkerReading): void {
    for (const key of this.#losses.keys()) if (!key.startsWith(`${worker} `)) this.#losses.delete(key)
    for (const [backend, count] of assigned) {
      const reading = { assigned: count, inFlight: inFlight.get(backend) ?? 0, atMs }
      this.#lossesOf(worker, backend).read(reading)
    }
  }

  /** Counts what was lost without a trace as of the last reading. `thresholdOf` is the split of now. */
  settle(atMs: number, thresholdOf: (environment: string) => number): void {
    for (const [key, losses] of this.#losses) {
      const lost = losses.settle()
      const backend = key.slice(key.indexOf(' ') + 1)
      const user = this.#owners.get(backend)?.[0]?.user
      if (lost === 0 || user === undefined) continue
      const counter = this.#samples.counter(user)
      const weight = thresholdOf(user.environment) / WEIGHT_STEPS
      const arrival = { second: Math.floor(atMs / 1000), weight, route: '*' }
      for (let each = 0; each < lost; each++) {
        counter.assign(arrival)
        counter.complete(arrival, { status: null, bad: true, visitor: null })
      }
    }
  }

  instance(environment: string, id: string): InstanceTraffic {
    const key = `${environment} ${id}`
    let traffic = this.#instances.get(key)
    if (traffic === undefined) {
      traffic = { completed: 0, lastRequestAtMs: null }
      this.#instances.set(key, traffic)
    }
    return traffic
  }

  /** Forgets instances that no table names any more. */
  retain(isKnown: (environment: string, id: string) => boolean): void {
    for (const key of this.#instances.keys()) {
      const [environment = '', id = ''] = key.split(' ')
      if (!isKnown(environment, id)) this.#instances.delete(key)
    }
  }

  #lossesOf(worker: number, backend: string): HiddenLosses {
    const key = `${worker} ${backend}`
    let losses = this.#losses.get(key)
    if (losses === undefined) {
      losses = new HiddenLosses()
      this.#losses.set(key, losses)
    }
    return losses
  }

  #count(request: LoggedRequest, { user, slots }: Owner): void {
    const id = request.backend.startsWith('b') ? slots.get(request.slot) : undefined
    if (id !== undefined) {
      const seen = this.instance(user.environment, id)
      seen.completed++
      seen.lastRequestAtMs = Math.max(seen.lastRequestAtMs ?? 0, request.arrivedAtMs)
    }
    // The first attempt is judged, and nobody says which instance had it when another one answered.
    const judged = id === undefined || request.redispatched ? user : { ...user, instance: id }
    const counter = this.#samples.counter(judged)
    const templates = this.#templatesOf(user)
    if (request.status !== null && request.status !== 404) templates.admit(request.path)
    const arrival = {
      second: Math.floor(request.arrivedAtMs / 1000),
      weight: request.threshold / WEIGHT_STEPS,
      route: templates.of(request.path),
    }
    counter.assign(arrival)
    counter.complete(arrival, {
      status: isUnanswered(request) ? null : request.status,
      bad: isBad(request),
      visitor: request.visitor,
      ...(request.latencyMs === null || isUnanswered(request) ? {} : { latencyMs: Math.max(request.latencyMs, 0.5) }),
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

/** HAProxy logs a status of its own for requests whose client or instance went away before there was an answer. */
function isUnanswered({ status, ender, state, latencyMs }: LoggedRequest): boolean {
  return status === null || (latencyMs === null && ender !== '-' && 'RQCHL'.includes(state))
}

function isBad(request: LoggedRequest): boolean {
  const { status, ender, state, retries } = request
  // A client that left says nothing about the release.
  if (ender === 'C' || ender === 'c') return retries > 0
  if (retries > 0 || status === null || status >= 500) return true
  return status !== 101 && state === 'D' && (ender === 'S' || ender === 's')
}

function isSame(a: BackendUser, b: BackendUser): boolean {
  return a.environment === b.environment && a.release === b.release && a.service === b.service
}
