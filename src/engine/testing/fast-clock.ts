import type { Clock } from '../context.ts'

/** Time that passes so many times faster, so that minutes of a judgement fit into seconds of a test. */
export function fastClock(times: number): Clock & {
  /** Sets the wall clock, as a person would. */
  jump(seconds: number): void
} {
  let wallMs = Date.now()
  const startedMs = performance.now()
  const passedMs = () => (performance.now() - startedMs) * times
  return {
    now: () => new Date(wallMs + passedMs()),
    monotonicMs: passedMs,
    jump: (seconds) => void (wallMs += seconds * 1000),
  }
}
