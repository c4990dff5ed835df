import { heldServices } from '../../../model/holds.ts'
import { thresholdOf, WEIGHT_STEPS } from '../../assignment.ts'
import type { HoldOrder, RouteTable } from '../../edge.ts'
import { normalPath } from '../../route-index.ts'
import { backendOf, type Pool } from '../pool.ts'

/** What HAProxy looks up per request, by file name below `maps/`; all of it may be changed at run time. */
export const mapNames = [
  'hosts',
  'split',
  'preview',
  'releases',
  'routes',
  'checks',
  'holds',
  'hold-limits',
  'internal',
  'redirects',
  'assets',
  'mode',
] as const
export type MapName = (typeof mapNames)[number]
export type Maps = Readonly<Record<MapName, ReadonlyMap<string, string>>>

/** Backend of static services and retained assets: the agent's own server. */
export const AGENT_BACKEND = 'agent'

export interface MapInput {
  readonly tables: readonly RouteTable[]
  readonly holds: readonly HoldOrder[]
  readonly pool: Pool
  /** Request paths of retained assets, by environment. */
  readonly assetPaths: ReadonlyMap<string, readonly string[]>
}

export function mapsOf({ tables, holds, pool, assetPaths }: MapInput): Maps {
  const maps = Object.fromEntries(mapNames.map((name) => [name, new Map<string, string>()])) as Record<
    MapName,
    Map<string, string>
  >
  maps.mode.set('mode', 'serve')
  for (const table of tables) {
    const { environment, listeners, limits } = table
    maps.split.set(environment, splitValue(table, holds, assetPaths.get(environment) ?? []))
    maps.preview.set(environment, table.previewKey)
    maps['hold-limits'].set(environment, `${limits.holdQueue}|${limits.holdMs}`)
    if (listeners.redirectToHttps) maps.redirects.set(environment, String(listeners.https))
    for (const path of assetPaths.get(environment) ?? []) maps.assets.set(`${environment}|${path}`, '1')
    for (const { release, services } of table.releases) {
      maps.releases.set(`${environment}|${release}`, '1')
      for (const service of services) {
        const backend = backendOf(pool, { environment, release, service: service.service })?.name ?? AGENT_BACKEND
        if (service.kind === 'web') maps.checks.set(backend, service.health.path ?? '/')
        if (service.internalPort !== undefined) {
          maps.internal.set(String(service.internalPort), `${backend}|${service.service}|${environment}|${release}`)
        }
        for (const { host = '*', path } of service.routes) {
          const place = `${host}|${prefixOf(path)}`
          maps.routes.set(`${environment}|${release}|${place}`, `${backend}|${service.service}|${release}`)
          for (const port of [listeners.http, listeners.https]) {
            if (port !== null) maps.hosts.set(`${port}|${place}`, environment)
          }
        }
      }
    }
  }
  for (const { environment } of tables) {
    const own = holds.filter((hold) => hold.environment === environment)
    for (const { service, mode } of heldServices(own, servicesOf(tables, environment))) {
      maps.holds.set(`${environment}|${service}`, mode)
    }
  }
  return maps
}

/** flags | threshold | base | candidate | salt: one value, so that no request sees half a switch. */
function splitValue(table: RouteTable, holds: readonly HoldOrder[], assets: readonly string[]): string {
  const { environment, split } = table
  const isHeld = holds.some((hold) => hold.environment === environment && hold.mode !== 'off')
  const flags = `${table.stickiness ? 's' : 'r'}${isHeld ? 'h' : '-'}${assets.length > 0 ? 'a' : '-'}`
  // Without a base everybody is the candidate's as soon as anybody is.
  const threshold = split.base === null && thresholdOf(split) > 0 ? WEIGHT_STEPS : thresholdOf(split)
  return `${flags}|${threshold}|${split.base ?? ''}|${split.candidate ?? ''}|${split.salt}`
}

function servicesOf(tables: readonly RouteTable[], environment: string): Set<string> {
  const table = tables.find((each) => each.environment === environment)
  return new Set(table?.releases.flatMap(({ services }) => services.map(({ service }) => service)))
}

/** Requests are looked up with a slash at their end, so a prefix with one matches whole segments. */
function prefixOf(path: string): string {
  const normal = normalPath(path)
  return normal === '/' ? '/' : `${normal}/`
}

export interface MapChange {
  readonly map: MapName
  readonly key: string
  /** Null: remove it. */
  readonly value: string | null
  readonly isNew: boolean
}

/**
 * How to come from one state of all maps to another without a request that sees a gap: what is new first, then the
 * splits, which lead to it, then the removal of what nobody is led to any more.
 */
export function mapChanges(from: Maps, to: Maps): MapChange[] {
  const added: MapChange[] = []
  const splits: MapChange[] = []
  const removed: MapChange[] = []
  for (const map of mapNames) {
    for (const [key, value] of to[map]) {
      const before = from[map].get(key)
      if (before !== value) (map === 'split' ? splits : added).push({ map, key, value, isNew: before === undefined })
    }
    for (const key of from[map].keys()) if (!to[map].has(key)) removed.push({ map, key, value: null, isNew: false })
  }
  return [...added, ...splits, ...removed]
}

export function mapText(map: ReadonlyMap<string, string>): string {
  return [...map].map(([key, value]) => `${key} ${value}\n`).join('')
}
