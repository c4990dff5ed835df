import { setTimeout as delay } from 'node:timers/promises'

/** The only source of time for anything that waits, so that tests decide what it does. */
export interface Clock {
  /** Wall clock, for records. */
  now(): Date
  /** Monotonic, for durations: a jump of the wall clock changes no wait. */
  monotonicMs(): number
  /** Rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  sleep,
}

/** Rejects with the signal's reason when it is aborted first. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted()
  try {
    await delay(ms, undefined, signal === undefined ? {} : { signal })
  } catch (error) {
    throw signal?.aborted ? signal.reason : error
  }
}
