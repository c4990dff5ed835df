import type { RoutedInstance, RoutedService, RouteTable } from '../edge.ts'

/**
 * HAProxy 2.6 cannot make backends at run time, and servers made at run time never reuse connections. So backends with
 * slots are declared ahead: a release takes free ones of its kind and its instances take slots, without a reload.
 */
export type Pool = readonly PooledBackend[]

export interface PooledBackend {
  readonly name: string
  readonly kind: BackendKind
  readonly user: BackendUser | null
  /** Unix milliseconds since when nobody uses it. */
  readonly freedAt: number
  readonly slots: readonly Slot[]
}

/** What 2.6 cannot change at run time; the path of the check is not among it, as that is read from a map. */
export interface BackendKind {
  readonly check: 'http' | 'tcp'
  readonly intervalMs: number
  readonly timeoutMs: number
  readonly passes: number
  readonly failures: number
  readonly responseMs: number
}

export interface BackendUser {
  readonly environment: string
  readonly release: string
  readonly service: string
}

export interface Slot {
  readonly name: string
  readonly instance: RoutedInstance | null
  readonly freedAt: number
}

const SPARE_BACKENDS = 5
const MIN_SLOTS = 8

interface Wanted {
  readonly user: BackendUser
  readonly kind: BackendKind
  readonly instances: readonly RoutedInstance[]
}

/** The pool that serves the tables: who had a place keeps it, the longest unused places are taken first. */
export function planPool(pool: Pool, tables: Iterable<RouteTable>, now: number): Pool {
  const wanted = [...tables].flatMap(wantedBackends)
  const next = pool.map((backend) =>
    backend.user !== null && !wanted.some(uses(backend)) ? freed(backend, now) : backend,
  )
  for (const want of wanted) {
    let index = next.findIndex((backend) => uses(backend)(want))
    if (index < 0) index = longestFree(next, want.kind)
    if (index < 0) {
      index = next.length
      for (let spare = 0; spare <= SPARE_BACKENDS; spare++) next.push(fresh(`b${next.length}`, want.kind))
    }
    const backend = next[index]
    if (backend !== undefined)
      next[index] = { ...backend, user: want.user, slots: seat(backend.slots, want.instances, now) }
  }
  return next
}

export function backendOf(pool: Pool, user: BackendUser): PooledBackend | undefined {
  return pool.find((backend) => backend.user !== null && isSameUser(backend.user, user))
}

function wantedBackends(table: RouteTable): Wanted[] {
  return table.releases.flatMap(({ release, services }) =>
    services
      .filter(({ kind }) => kind === 'web')
      .map((service) => ({
        user: { environment: table.environment, release, service: service.service },
        kind: kindOf(service, table),
        instances: service.instances,
      })),
  )
}

function kindOf({ health }: RoutedService, { limits }: RouteTable): BackendKind {
  return {
    check: health.path === null ? 'tcp' : 'http',
    intervalMs: health.intervalMs,
    timeoutMs: health.timeoutMs,
    passes: health.passes,
    failures: health.failures,
    responseMs: limits.responseMs,
  }
}

function uses(backend: PooledBackend): (want: Wanted) => boolean {
  return (want) => backend.user !== null && isSameUser(backend.user, want.user) && isSameKind(backend.kind, want.kind)
}

function longestFree(pool: Pool, kind: BackendKind): number {
  let best = -1
  pool.forEach((backend, index) => {
    if (backend.user !== null || !isSameKind(backend.kind, kind)) return
    if (best < 0 || backend.freedAt < (pool[best]?.freedAt ?? 0)) best = index
  })
  return best
}

function seat(slots: readonly Slot[], instances: readonly RoutedInstance[], now: number): Slot[] {
  const next = slots.map((slot) =>
    slot.instance === null || instances.some((instance) => isSameInstance(instance, slot.instance))
      ? slot
      : { ...slot, instance: null, freedAt: now },
  )
  for (const instance of instances) {
    if (next.some((slot) => isSameInstance(instance, slot.instance))) continue
    const free = next.filter((slot) => slot.instance === null).sort((a, b) => a.freedAt - b.freedAt)[0]
    if (free === undefined) next.push(...newSlots(next.length, next.length))
    const index = next.findIndex((slot) => (free === undefined ? slot.instance === null : slot.name === free.name))
    next[index] = { name: `s${index + 1}`, instance, freedAt: 0 }
  }
  return next
}

function freed(backend: PooledBackend, now: number): PooledBackend {
  return { ...backend, user: null, freedAt: now, slots: seat(backend.slots, [], now) }
}

function fresh(name: string, kind: BackendKind): PooledBackend {
  return { name, kind, user: null, freedAt: 0, slots: newSlots(0, MIN_SLOTS) }
}

function newSlots(from: number, count: number): Slot[] {
  return Array.from({ length: count }, (_, index) => ({ name: `s${from + index + 1}`, instance: null, freedAt: 0 }))
}

function isSameUser(a: BackendUser, b: BackendUser): boolean {
  return a.environment === b.environment && a.release === b.release && a.service === b.service
}

function isSameKind(a: BackendKind, b: BackendKind): boolean {
  return (Object.keys(a) as (keyof BackendKind)[]).every((key) => a[key] === b[key])
}

function isSameInstance(a: RoutedInstance | null, b: RoutedInstance | null): boolean {
  return a !== null && b !== null && a.id === b.id && a.host === b.host && a.port === b.port
}
