/** A folder on its way to the control plane, as one file. */
export interface Upload {
  readonly id: string
  /** As announced. */
  readonly bytes: number
  /** Of the bytes, how many are there: the next piece begins here. */
  readonly offset: number
  readonly isComplete: boolean
}
