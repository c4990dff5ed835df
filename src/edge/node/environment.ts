import { type Hold, type HoldMode, holdOf as modeOf } from '../../model/holds.ts'
import { hashOf, thresholdOf, WEIGHT_STEPS } from '../assignment.ts'
import type { RoutedService, RouteTable } from '../edge.ts'
import { type RouteIndex, routeIndex } from '../route-index.ts'
import { type RouteTemplates, routeTemplates } from '../samples/route-template.ts'
import type { SampleCounter } from '../samples/sample-counter.ts'
import type { SampleLog } from '../samples/sample-log.ts'
import { weightOf } from '../table.ts'
import { Backend } from './instances/backend.ts'

/** A service of a release, ready to be routed to. */
export interface Service {
  readonly name: string
  readonly release: string
  readonly routed: RoutedService
  readonly backends: readonly Backend[]
  /** For what reaches no instance: static files, requests that found none ready. */
  readonly counter: SampleCounter
  readonly templates: RouteTemplates
  /** Whose turn it is among instances with equal load. */
  turn: number
}

export interface Release {
  readonly name: string
  readonly routes: RouteIndex<Service>
  readonly services: ReadonlyMap<string, Service>
}

/** One environment as its table says, made anew at each `apply`; the instances in it live on. */
export interface Environment {
  readonly name: string
  readonly table: RouteTable
  readonly releases: ReadonlyMap<string, Release>
  readonly base: Release | null
  readonly candidate: Release | null
  readonly weight: number
  readonly threshold: number
  readonly backends: ReadonlyMap<string, Backend>
  /** Route templates by service, kept over releases so that names mean the same. */
  readonly templates: ReadonlyMap<string, RouteTemplates>
  holds: readonly Hold[]
}

export interface BuiltEnvironment {
  readonly environment: Environment
  readonly added: readonly Backend[]
  readonly removed: readonly Backend[]
}

/** Makes the environment of a table, with the instances that the one before knows already. */
export function buildEnvironment(table: RouteTable, before: Environment | undefined, log: SampleLog): BuiltEnvironment {
  const backends = new Map<string, Backend>()
  const templates = new Map(before?.templates)
  const added: Backend[] = []
  const releases = new Map<string, Release>()
  for (const routedRelease of table.releases) {
    const services = new Map<string, Service>()
    for (const routed of routedRelease.services) {
      const identity = { environment: table.environment, release: routedRelease.release, service: routed.service }
      const members = routed.instances.map((instance) => {
        const known = before?.backends.get(instance.id)
        const same = known?.instance.host === instance.host && known.instance.port === instance.port
        const backend =
          known !== undefined && same
            ? known
            : new Backend(instance, identity, routed.health, log.counter({ ...identity, instance: instance.id }))
        if (backend !== known) added.push(backend)
        backend.health = routed.health
        backends.set(instance.id, backend)
        return backend
      })
      const named = templates.get(routed.service) ?? routeTemplates()
      templates.set(routed.service, named)
      const counter = log.counter(identity)
      services.set(routed.service, {
        name: routed.service,
        release: routedRelease.release,
        routed,
        backends: members,
        counter,
        templates: named,
        turn: 0,
      })
    }
    const entries = [...services.values()].flatMap((service) =>
      service.routed.routes.map((route) => ({ route, target: service })),
    )
    releases.set(routedRelease.release, { name: routedRelease.release, routes: routeIndex(entries), services })
  }
  const { base, candidate } = table.split
  const environment: Environment = {
    name: table.environment,
    table,
    releases,
    base: base === null ? null : (releases.get(base) ?? null),
    candidate: candidate === null ? null : (releases.get(candidate) ?? null),
    weight: weightOf(table.split),
    threshold: thresholdOf(table.split),
    backends,
    templates,
    holds: before?.holds ?? [],
  }
  const removed = [...(before?.backends.values() ?? [])].filter((old) => backends.get(old.instance.id) !== old)
  return { environment, added, removed }
}

/** The release of a visitor: the candidate's below the threshold, else the base's. */
export function releaseFor(environment: Environment, visitor: string): Release | null {
  const { candidate, base, threshold, table } = environment
  if (candidate === null || threshold === 0) return base
  if (base === null || threshold >= WEIGHT_STEPS) return candidate
  return hashOf(visitor, table.split.salt) < threshold ? candidate : base
}

/** Asked for every request: nothing is held as a rule. */
export function holdOf(environment: Environment, service: string): HoldMode {
  return environment.holds.length === 0 ? 'off' : modeOf(environment.holds, service)
}

/** Releases that requests without a preview key may reach. */
export function routedReleases({ split }: RouteTable): Set<string> {
  const releases = new Set<string>()
  if (split.base !== null && split.weight < 1) releases.add(split.base)
  if (split.candidate !== null && split.weight > 0) releases.add(split.candidate)
  return releases
}
