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
      readonly kind: 'images'
      /** Reference by digest of each service. */
      readonly images: Readonly<Record<string, string>>
    }
  | {
      /** Promotion: the artifact of a release, with the configuration that it was made from. */
      readonly kind: 'release'
      readonly release: string
    }
