import type { BuildService } from './build-service.ts'
import type { EdgeSettings, ReleaseDatabase, ReleaseService } from './release.ts'
import type { StrategySettings } from './strategy.ts'

/** The configuration of one environment with every default filled in: what the command line sends to the control plane. */
export interface ResolvedConfig {
  readonly project: string
  readonly environment: string
  readonly target: 'local'
  readonly strategy: StrategySettings
  readonly services: readonly ReleaseService[]
  readonly build: {
    readonly services: readonly BuildService[]
    readonly env: Readonly<Record<string, string>>
    readonly timeoutMs: number
    readonly maxBytes: number
  }
  readonly database: ReleaseDatabase | null
  readonly edge: EdgeSettings
  /** The installation's router, where the configuration names one: heeded when an edge is started for the first time. */
  readonly edgeImplementation?: 'node' | 'haproxy'
  readonly stickiness: boolean
  readonly requireClean: boolean
  readonly keepReleases: number
}
