import type { Clock } from '../context.ts'

const TURN_MS = 10

/**
 * Time that passes so many times faster, so that minutes of a judgement fit into seconds of a test. It passes turn by turn
 * of the event loop: where the machine is too busy for the engine's work, the clock waits with it.
 */
export function fastClock(times: number): Clock & {
  /** Sets the wall clock, as a person would. */
  jump(seconds: number): void
} {
  let wallMs = Date.now()
  let passedMs = 0
  setInterval(() => {
    passedMs += TURN_MS * times
  }, TURN_MS).unref()
  return {
    now: () => new Date(wallMs + passedMs),
    monotonicMs: () => passedMs,
    jump: (seconds) => void (wallMs += seconds * 1000),
  }
}
