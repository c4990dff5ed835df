import type { EdgeSettings } from '../../edge/edge-settings.ts'
import type { DeployOrder } from '../../model/deploy-request.ts'
import type { ReleaseService } from '../../model/release.ts'
import type { ResolvedConfig } from '../../model/resolved-config.ts'
import type { StrategySettings } from '../../model/strategy.ts'
import { strategySettings } from '../../strategy/testing/strategy-settings.ts'

export interface RequestOfTest {
  readonly environment?: string
  readonly strategy?: Partial<StrategySettings>
  readonly service?: Partial<ReleaseService>
  readonly config?: Partial<ResolvedConfig>
  readonly change?: Partial<DeployOrder>
}

/** A complete order to deploy a shop with one web service, and what a test wants otherwise. */
export function deployOrder({
  environment = 'production',
  strategy,
  service,
  config,
  change,
}: RequestOfTest = {}): DeployOrder {
  return {
    config: { ...configOf(environment), strategy: strategySettings(strategy), services: [web(service)], ...config },
    projectDir: '/srv/shop',
    source: { commit: null, branch: null, subject: null, dirty: false, artifactDir: null },
    replace: false,
    ...change,
  }
}

function web(change: Partial<ReleaseService> = {}): ReleaseService {
  return {
    name: 'web',
    kind: 'web',
    directory: '',
    start: 'node server.js',
    instances: 2,
    env: {},
    routes: [{ path: '/' }],
    health: { path: '/health', intervalMs: 1000, timeoutMs: 2000, passes: 2, failures: 3, readyMs: 60_000 },
    drainMs: 30_000,
    stopGraceMs: 10_000,
    limits: {},
    ...change,
  }
}

function configOf(environment: string): Omit<ResolvedConfig, 'strategy' | 'services'> {
  return {
    project: 'shop',
    environment,
    target: { name: 'local', settings: { edge } },
    build: { services: [{ name: 'web', directory: '', install: 'auto' }], env: {}, timeoutMs: 1000, maxBytes: 1000 },
    database: null,
    stickiness: true,
    requireClean: false,
    keepReleases: 10,
    keepAssetsOfReleases: 3,
  }
}

const edge: EdgeSettings = {
  httpPort: null,
  httpsPort: null,
  redirectToHttps: false,
  certificates: [],
  limits: {
    headerBytes: 65_536,
    bodyBytes: 0,
    headersMs: 10_000,
    bodyIdleMs: 30_000,
    responseMs: 0,
    keepAliveMs: 60_000,
    connections: 10_000,
    holdQueue: 1000,
    holdMs: 15_000,
  },
}
