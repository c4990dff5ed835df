import type { RoutedRelease, RoutedService, RouteTable } from '../../../edge/edge.ts'
import type { ReleaseRecord, ReleaseService } from '../../../model/release.ts'
import type { TrafficSplit } from '../../../model/traffic-split.ts'
import { localSettings } from '../local-settings.ts'
import type { RunState } from '../processes/runtime.ts'
import type { StoredEnvironment, StoredRelease } from '../records/environment-store.ts'
import { servedFolder } from './release-files.ts'

/** Everything the edge is told about an environment, from what is stored and what runs. `routed` picks the instances. */
export function routeTable(options: {
  readonly stored: StoredEnvironment
  readonly split: TrafficSplit
  readonly runs: readonly RunState[]
  readonly routed: (run: RunState) => boolean
}): RouteTable {
  const { stored, split, runs, routed } = options
  const governing = governingRelease(stored, split)
  const { edge } = localSettings(governing)
  return {
    environment: stored.environment,
    fence: stored.fence,
    listeners: { http: edge.httpPort, https: edge.httpsPort, redirectToHttps: edge.redirectToHttps },
    certificates: edge.certificates,
    split,
    stickiness: governing.stickiness,
    previewKey: stored.previewKey,
    limits: edge.limits,
    releases: stored.releases.map((release) => routedRelease(release, runs.filter(routed))),
    assets: stored.assets,
  }
}

/** Listeners, limits and stickiness are those of the release that has the most of the traffic, else the newest. */
export function governingRelease(stored: StoredEnvironment, split: TrafficSplit): ReleaseRecord {
  const leading = split.weight >= 0.5 || split.base === null ? split.candidate : split.base
  const { releases } = stored
  const release = releases.find(({ record }) => record.id === leading) ?? releases.at(-1)
  if (release === undefined) throw new Error(`${stored.environment} has no release to route`)
  return release.record
}

function routedRelease(release: StoredRelease, runs: readonly RunState[]): RoutedRelease {
  return {
    release: release.record.id,
    services: release.record.services.filter(isRouted).map((service) => routedService(release, service, runs)),
  }
}

export function isRouted(service: ReleaseService): service is ReleaseService & { kind: 'web' | 'static' } {
  return service.kind === 'web' || service.kind === 'static'
}

function routedService(
  { record, tree, internalPorts }: StoredRelease,
  service: ReleaseService & { kind: 'web' | 'static' },
  runs: readonly RunState[],
): RoutedService {
  const internalPort = internalPorts[service.name]
  return {
    service: service.name,
    kind: service.kind,
    routes: service.routes,
    instances: runs
      .filter((run) => run.release === record.id && run.service === service.name)
      .flatMap(({ id, port }) => (port === undefined ? [] : [{ id, host: '127.0.0.1', port }])),
    health: service.health,
    ...(internalPort === undefined ? {} : { internalPort }),
    ...(service.kind === 'static' ? { root: servedFolder(tree, service) } : {}),
    ...(service.fallback === undefined ? {} : { fallback: service.fallback }),
  }
}
