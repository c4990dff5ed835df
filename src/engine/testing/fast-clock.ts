import type { Clock } from '../../support/clock.ts'

const TURN_MS = 10

export interface FastClock extends Clock {
  /** Sets the wall clock, as a person would. */
  jump(seconds: number): void
}

interface Sleeper {
  readonly untilMs: number
  readonly wake: () => void
}

/**
 * Time that passes so many times faster, so that minutes of a judgement fit into seconds of a test. It passes turn by turn
 * of the event loop: where the machine is too busy for the engine's work, the clock waits with it.
 */
export function fastClock(times: number): FastClock {
  let wallMs = Date.now()
  const { clock, pass } = handClock(() => wallMs)
  setInterval(() => pass(clock.monotonicMs() + TURN_MS * times), TURN_MS).unref()
  return { ...clock, jump: (seconds) => void (wallMs += seconds * 1000) }
}

/** Time that somebody else's hand moves; `beganMs` is what the wall clock said when none had passed. */
function handClock(beganMs: () => number): { readonly clock: Clock; readonly pass: (untilMs: number) => void } {
  let passedMs = 0
  const sleepers = new Set<Sleeper>()
  return {
    clock: {
      now: () => new Date(beganMs() + passedMs),
      monotonicMs: () => passedMs,
      sleep: (ms, signal) => sleepUntil(sleepers, passedMs + ms, signal),
    },
    pass: (untilMs) => {
      passedMs = untilMs
      for (const sleeper of sleepers) if (sleeper.untilMs <= passedMs) sleeper.wake()
    },
  }
}

/** Also a sleep of nothing ends with a turn: whoever looks again and again leaves the others their turn. */
function sleepUntil(sleepers: Set<Sleeper>, untilMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const leave = () => {
      sleepers.delete(sleeper)
      signal?.removeEventListener('abort', abort)
    }
    const abort = () => {
      leave()
      reject(signal?.reason)
    }
    const sleeper = {
      untilMs,
      wake: () => {
        leave()
        resolve()
      },
    }
    sleepers.add(sleeper)
    signal?.addEventListener('abort', abort, { once: true })
  })
}
