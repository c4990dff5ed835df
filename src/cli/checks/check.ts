import type { Context } from '../command.ts'

/** One thing that has to be right, and what to do when it is not. */
export interface Check {
  readonly name: string
  readonly state: 'ok' | 'warn' | 'fail'
  readonly detail: string
  readonly cure?: string
}

export type Examination = (context: Context) => Promise<Check>
