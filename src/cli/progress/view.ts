import type { Event } from '../../model/event.ts'

/** Shows how a deployment goes on, on standard error. */
export interface View {
  show(event: Event): void
  /** Something to read between the steps. */
  note(text: string): void
  /** The last picture stays; the cursor is where it was. */
  close(): void
}

/** A terminal that can be drawn on. */
export interface Terminal {
  readonly write: (text: string) => void
  readonly columns: () => number
  readonly rows: () => number
  /** Calls back when the terminal has another size; answers how to end that. */
  readonly onResize: (listener: () => void) => () => void
  /** While something is drawn, lines that others say go there; null: to the terminal again. */
  readonly divert: (to: ((line: string) => void) | null) => void
  readonly hasColor: boolean
}
