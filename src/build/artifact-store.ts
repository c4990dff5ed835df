/** Immutable build outputs by content. Files are shared between artifacts; a tree is a folder of hard links to them. */
export interface ArtifactStore {
  /** Takes a finished folder in. Same content, same id. Throws `BUILD_TOO_LARGE`, `ARTIFACT_INVALID`, `DISK_FULL`. */
  add(directory: string, meta: ArtifactMeta, options: { readonly maxBytes: number }): Promise<Artifact>
  get(id: string): Promise<Artifact | null>
  /** An artifact made earlier from the same source and build settings. */
  find(buildKey: string): Promise<Artifact | null>
  /** Absolute, read-only folder with the artifact's files; made once, then reused. Throws `ARTIFACT_MISSING`. */
  tree(id: string): Promise<string>
  /** Removes artifacts beyond the newest `keep` that are not in `inUse`. */
  prune(options: { readonly keep: number; readonly inUse: readonly string[] }): Promise<readonly string[]>
}

export interface ArtifactMeta {
  /** SHA-256 over source commit and build settings; null: never reused. */
  readonly buildKey: string | null
  readonly description: string
}

export interface Artifact {
  /** SHA-256 of the manifest. */
  readonly id: string
  readonly files: number
  readonly bytes: number
  readonly createdAt: string
  readonly buildKey: string | null
  readonly description: string
}
