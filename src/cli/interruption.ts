import { SluiceError } from '../model/error.ts'

/** Time for the one who is interrupted to say so in better words. */
const GRACE_MS = 100

/** What Ctrl-C answers where nothing more can be said. */
export function interruptedError(
  message = 'interrupted',
  hint = 'see what is under way with `sluice status`',
): SluiceError {
  return new SluiceError('INTERRUPTED', message, { hint })
}

export function assertNotInterrupted(interrupted: AbortSignal): void {
  if (interrupted.aborted) throw interruptedError('interrupted: nothing was asked of the control plane')
}

/**
 * Waits for work unless Ctrl-C comes first: `graceMs` after it the work goes on unwatched, and what `say` answers is thrown.
 */
export async function unlessInterrupted<Value>(
  work: Promise<Value>,
  interrupted: AbortSignal,
  say: () => SluiceError = interruptedError,
  graceMs = GRACE_MS,
): Promise<Value> {
  const { promise, reject } = Promise.withResolvers<never>()
  let timer: NodeJS.Timeout | undefined
  const onInterrupt = () => {
    timer = setTimeout(() => reject(say()), graceMs)
  }
  if (interrupted.aborted) onInterrupt()
  else interrupted.addEventListener('abort', onInterrupt, { once: true })
  work.catch(() => {}) // it may fail when nobody waits any more
  try {
    return await Promise.race([work, promise])
  } finally {
    clearTimeout(timer)
    interrupted.removeEventListener('abort', onInterrupt)
  }
}
