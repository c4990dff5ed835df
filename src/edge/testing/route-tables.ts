import type { HealthSettings } from '../../model/release.ts'
import type { TrafficSplit } from '../../model/traffic-split.ts'
import type { RoutedInstance, RoutedService, RouteTable } from '../edge.ts'
import type { EdgeLimits } from '../edge-settings.ts'

/** Parts of route tables for tests: every field has a sound default. */
const testLimits: EdgeLimits = {
  headerBytes: 16_384,
  bodyBytes: 0,
  headersMs: 10_000,
  bodyIdleMs: 30_000,
  responseMs: 60_000,
  keepAliveMs: 60_000,
  connections: 10_000,
  holdQueue: 1000,
  holdMs: 15_000,
}

const testHealth: HealthSettings = {
  path: '/health',
  intervalMs: 250,
  timeoutMs: 5000,
  passes: 1,
  failures: 2,
  readyMs: 10_000,
}

export function routedService(service: Partial<RoutedService> = {}): RoutedService {
  return { service: 'web', kind: 'web', routes: [{ path: '/' }], instances: [], health: testHealth, ...service }
}

export interface TestTable {
  readonly environment?: string
  readonly fence?: number
  readonly http?: number
  readonly host?: string
  readonly base?: string | null
  readonly split?: TrafficSplit
  /** Instances of service `web` by release. */
  readonly fleets?: Readonly<Record<string, readonly RoutedInstance[]>>
  readonly limits?: Partial<EdgeLimits>
  readonly health?: Partial<HealthSettings>
  readonly stickiness?: boolean
}

/** A table of one service `web` in as many releases as there are fleets. */
export function routeTable(options: TestTable = {}): RouteTable {
  const { environment = 'test.production', fence = 1, http = 8080, host, fleets = { r1: [] }, base = 'r1' } = options
  const route = host === undefined ? { path: '/' } : { host, path: '/' }
  return {
    environment,
    fence,
    listeners: { http, https: null, redirectToHttps: false },
    certificates: [],
    split: options.split ?? { base, candidate: null, weight: 0, salt: 'd1' },
    stickiness: options.stickiness ?? true,
    previewKey: 'preview-key-of-the-tests',
    limits: { ...testLimits, ...options.limits },
    releases: Object.entries(fleets).map(([release, instances]) => ({
      release,
      services: [routedService({ routes: [route], instances, health: { ...testHealth, ...options.health } })],
    })),
    assets: [],
  }
}
