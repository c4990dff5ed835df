import type { ResolvedConfig } from './resolved-config.ts'
import type { Source } from './source.ts'

/** What is asked for. Nothing in it is believed that the control plane can find out by itself. */
export interface DeployRequest {
  /** Refused where the configuration is of another project; absent: whatever it says. */
  readonly project?: string
  readonly environment: string
  readonly source: Source
  /** What the configuration may read of the asker's environment. */
  readonly variables?: Readonly<Record<string, string>>
  /** Compensate a deployment that is shifting instead of waiting for it. */
  readonly replace: boolean
  readonly idempotencyKey?: string
}

/** What a request came to when the control plane had looked at its source: recorded with the deployment. */
export interface DeployOrder {
  readonly config: ResolvedConfig
  readonly projectDir: string
  readonly source: OrderedSource
  readonly replace: boolean
  /** The configuration as it was written, where it is the same for every environment: promotions start from it. */
  readonly document?: unknown
}

export interface OrderedSource {
  readonly commit: string | null
  readonly branch: string | null
  readonly subject: string | null
  readonly dirty: boolean
  /** Output that was built elsewhere. */
  readonly artifactDir: string | null
  /** Where it came over the network: `projectDir` is what was unpacked. */
  readonly upload?: string
  /** Name of the content of `projectDir`, a git tree, where it is no repository itself. */
  readonly tree?: string
  /** The release whose artifact is deployed again: nothing is built. */
  readonly release?: string
}
