import { SluiceError } from '../model/error.ts'
import { type Clock, systemClock } from './clock.ts'

/** Longest timer that Node keeps. */
const MAX_TIMER_MS = 2 ** 31 - 1

export interface Deadline {
  /** Aborted with the caller's reason or, at the deadline, with `DEADLINE_EXCEEDED`. */
  readonly signal: AbortSignal
  /** Ends the timer; to be called when the work is done. */
  readonly done: () => void
}

export interface DeadlineOptions {
  readonly deadlineMs: number
  readonly signal?: AbortSignal
  /** Whose milliseconds these are. */
  readonly clock?: Pick<Clock, 'sleep'>
}

/** One signal for "the caller gave up" and "it took too long". `what` finishes "… did not end within". */
export function deadline(what: string, { deadlineMs, signal, clock = systemClock }: DeadlineOptions): Deadline {
  const late = new AbortController()
  const over = new AbortController()
  clock.sleep(Math.min(deadlineMs, MAX_TIMER_MS), over.signal).then(
    () => late.abort(new SluiceError('DEADLINE_EXCEEDED', `${what} did not end within ${deadlineMs} ms`)),
    () => {}, // done before
  )
  return {
    signal: signal === undefined ? late.signal : AbortSignal.any([signal, late.signal]),
    done: () => over.abort(),
  }
}

/** Work under a deadline. It is not waited for any longer, even where it does not heed its signal. */
export async function within<Value>(
  what: string,
  options: DeadlineOptions,
  work: (signal: AbortSignal) => Promise<Value>,
): Promise<Value> {
  const { signal, done } = deadline(what, options)
  const listening = new AbortController()
  try {
    signal.throwIfAborted()
    const given = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true, signal: listening.signal })
    })
    return await Promise.race([work(signal), given])
  } finally {
    listening.abort()
    done()
  }
}
