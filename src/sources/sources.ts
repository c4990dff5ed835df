import type { DeployOrder, DeployRequest } from '../model/deploy-request.ts'

/** From what is asked for to what is deployed: reads the source and evaluates its configuration. Changes nothing. */
export interface Sources {
  /**
   * Throws all problems of the configuration at once, `TREE_DIRTY` for changes that no commit holds where the
   * environment wants one, and `SOURCE_INVALID`.
   */
  read(request: DeployRequest, options: ReadOptions): Promise<ReadSource>
  /** The same for a release that is deployed again: by what it was made from. */
  readAgain(request: DeployRequest, origin: DeployOrder, options: ReadOptions): Promise<ReadSource>
}

export interface ReadOptions {
  /** Where the project was deployed from before; null: never. */
  readonly knownDirectory: string | null
  readonly signal?: AbortSignal
}

export interface ReadSource {
  readonly order: DeployOrder
  /** Address of the repository that the folder is a clone of, without credentials; null: none is known. */
  readonly repository: string | null
  /** What the configuration's code printed. */
  readonly printed: string
}
