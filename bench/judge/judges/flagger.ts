import type { Judge } from '../../../src/judge/index.ts'
import {
  addSecond,
  MINUTES_PER_STEP,
  type Minutes,
  plainVerdict,
  ramp,
  rollBack,
  SUCCESS,
  startMinutes,
  weights,
} from './minutes.ts'

interface State {
  readonly minutes: Minutes
  failedChecks: number
  /** Good checks at the present weight. */
  good: number
  step: number
  rolledBack: boolean
}

const THRESHOLD = 5

/**
 * Flagger with a threshold of five: every minute is a check; success below 99 % or no data at all fails it. A failed check
 * halts the weight for that minute and is never forgiven; at five the release is rolled back.
 */
export const flagger: Judge<State> = {
  start: () => ({ minutes: startMinutes(), failedChecks: 0, good: 0, step: 0, rolledBack: false }),
  step: (state, input) => {
    const minute = addSecond(state.minutes, input)
    if (minute !== null) {
      const succeeded = minute.requestsNew > 0 && 1 - minute.badNew / minute.requestsNew >= SUCCESS
      if (succeeded) state.good += 1
      else state.failedChecks += 1
      if (state.good >= MINUTES_PER_STEP && state.step < weights.length - 1) {
        state.step += 1
        state.good = 0
      }
      if (state.failedChecks >= THRESHOLD) state.rolledBack = true
    }
    return { state, decision: state.rolledBack ? rollBack() : ramp(weights[state.step] ?? 1) }
  },
  explain: (state) => plainVerdict(`${state.failedChecks} checks failed`),
}
