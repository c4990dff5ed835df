/** What the child process says about a configuration file: one line of JSON. */
export type Outcome =
  | { readonly kind: 'value'; readonly value: unknown; readonly isFunction: boolean }
  | { readonly kind: 'no-default'; readonly exports: readonly string[] }
  | { readonly kind: 'not-serializable'; readonly places: readonly Place[] }
  | { readonly kind: 'threw'; readonly message: string; readonly at: string | null }

export interface Place {
  readonly path: string
  /** What stands there, such as "a function". */
  readonly what: string
}

/** Descriptor on which the outcome is written: the user's code prints where it likes. */
export const OUTCOME_FD = 3
