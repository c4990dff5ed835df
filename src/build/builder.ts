import type { BuildService } from '../model/build-service.ts'
import type { Artifact } from './artifact-store.ts'

/** From source to artifact. The same source and settings give the artifact that exists. */
export interface Builder {
  build(request: BuildRequest): Promise<BuildResult>
}

export interface BuildRequest {
  /** Project folder (with `sluice.config.*`); may be a subfolder of its git repository. */
  readonly projectDir: string
  /** Commit to build; null: `projectDir` is taken as it is (no git, or `--artifact`). */
  readonly commit: string | null
  /** Name of the content of a `projectDir` that is no repository, as git would name it; absent: nobody knows one. */
  readonly tree?: string
  /** Working-tree changes are part of the source. */
  readonly dirty: boolean
  /** Output that was built elsewhere: taken in as it is. */
  readonly artifactDir: string | null
  readonly services: readonly BuildService[]
  /** Only these, PATH, HOME and a few harmless ones reach the user's commands. */
  readonly env: Readonly<Record<string, string>>
  readonly timeoutMs: number
  readonly maxBytes: number
  readonly signal: AbortSignal
  /** Live output, line by line, capped in length. */
  readonly onLine: (line: string) => void
}

export interface BuildResult {
  readonly artifact: Artifact
  readonly reused: boolean
  readonly seconds: number
}
