/** What a release is made from, as it is asked for. Folders are absolute and on the control plane's machine. */
export type Source =
  | {
      readonly kind: 'commit'
      /** Project folder; absent: where the project was deployed from before. */
      readonly directory?: string
      /** Commit, tag or branch. */
      readonly revision: string
      /** File name of the configuration in the project folder; absent: the only one that is there. */
      readonly config?: string
    }
  | {
      readonly kind: 'folder'
      readonly directory: string
      readonly config?: string
      /** Output that was built elsewhere: taken as it is. */
      readonly artifact?: string
    }
  | {
      readonly kind: 'upload'
      readonly upload: string
      readonly config?: string
      /** That the upload is the content of a commit; believed when it is proven. */
      readonly commit?: CommitProof
      /** An upload with output that was built elsewhere. */
      readonly artifact?: string
    }
  | {
      readonly kind: 'images'
      /** Reference by digest of each service. */
      readonly images: Readonly<Record<string, string>>
    }
  | {
      /** Promotion: the artifact of a release, with the configuration that it was made from. */
      readonly kind: 'release'
      readonly release: string
    }

/** A commit, and the trees between it and the project folder, as git keeps them. */
export interface CommitProof {
  /** Text of the commit. */
  readonly object: string
  /** From the root of the repository down: what each holds, and the folder that is the next. Empty: the root is the project. */
  readonly trees: readonly {
    /** Mode, name and id, in git's order. */
    readonly entries: readonly (readonly [mode: string, name: string, id: string])[]
    readonly folder: string
  }[]
}
