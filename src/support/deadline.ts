import { SluiceError } from '../model/error.ts'

/** Longest timer that Node keeps. */
const MAX_TIMER_MS = 2 ** 31 - 1

export interface Deadline {
  /** Aborted with the caller's reason or, at the deadline, with `DEADLINE_EXCEEDED`. */
  readonly signal: AbortSignal
  /** Ends the timer; to be called when the work is done. */
  readonly done: () => void
}

/** One signal for "the caller gave up" and "it took too long". `what` finishes "… did not end within". */
export function deadline(
  what: string,
  options: { readonly deadlineMs: number; readonly signal?: AbortSignal },
): Deadline {
  const { deadlineMs, signal } = options
  const late = new AbortController()
  const timer = setTimeout(
    () => late.abort(new SluiceError('DEADLINE_EXCEEDED', `${what} did not end within ${deadlineMs} ms`)),
    Math.min(deadlineMs, MAX_TIMER_MS),
  )
  return {
    signal: signal === undefined ? late.signal : AbortSignal.any([signal, late.signal]),
    done: () => clearTimeout(timer),
  }
}
