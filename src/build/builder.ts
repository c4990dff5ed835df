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

export interface BuildService {
  readonly name: string
  /** Folder inside the project. */
  readonly directory: string
  /** Absent: install only. In the user's shell. */
  readonly command?: string
  /**
   * Files and folders (relative to `directory`) that make the artifact, `!path` leaves one out; absent: the whole
   * source with what the build made of it. `node_modules` is special: named, all packages are taken; `!node_modules`,
   * none; otherwise the production packages when `package.json` has `dependencies`, as a bundle without any needs none.
   */
  readonly output?: readonly string[]
  /** 'auto': by lock file; 'none'; or a command. */
  readonly install: 'auto' | 'none' | { readonly command: string }
  /** Folder with the `node` the user's commands find first; absent: ours. */
  readonly nodePath?: string
}

export interface BuildResult {
  readonly artifact: Artifact
  readonly reused: boolean
  readonly seconds: number
}
