import type { ResolvedConfig } from './resolved-config.ts'

export interface DeployRequest {
  readonly config: ResolvedConfig
  readonly projectDir: string
  readonly source: {
    readonly commit: string | null
    readonly branch: string | null
    readonly subject: string | null
    readonly dirty: boolean
    /** `--artifact DIR`: output that was built elsewhere. */
    readonly artifactDir: string | null
  }
  /** Compensate a deployment that is shifting instead of waiting for it. */
  readonly replace: boolean
  readonly idempotencyKey?: string
}
