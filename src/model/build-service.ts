/** How one service of a project is built. */
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
