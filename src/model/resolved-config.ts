import type { BuildService } from './build-service.ts'
import type { ReleaseDatabase, ReleaseService, ReleaseTarget } from './release.ts'
import type { StrategySettings } from './strategy.ts'

/** The configuration of one environment with every default filled in: what the command line sends to the control plane. */
export interface ResolvedConfig {
  readonly project: string
  readonly environment: string
  readonly target: ReleaseTarget
  readonly strategy: StrategySettings
  readonly services: readonly ReleaseService[]
  readonly build: {
    readonly services: readonly BuildService[]
    readonly env: Readonly<Record<string, string>>
    readonly timeoutMs: number
    readonly maxBytes: number
  }
  readonly database: ReleaseDatabase | null
  /** The installation's router, where the configuration names one: heeded when an edge is started for the first time. */
  readonly edgeImplementation?: 'node' | 'haproxy'
  readonly stickiness: boolean
  readonly requireClean: boolean
  readonly keepReleases: number
  readonly keepAssetsOfReleases: number
}
