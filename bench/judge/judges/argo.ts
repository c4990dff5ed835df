import type { Judge } from '../../../src/judge/index.ts'
import { addSecond, type Minutes, plainVerdict, ramp, rollBack, SUCCESS, scheduled, startMinutes } from './minutes.ts'

interface State {
  readonly minutes: Minutes
  failed: number
  errors: number
  aborted: boolean
}

const FAILURE_LIMIT = 3
const CONSECUTIVE_ERROR_LIMIT = 4

/**
 * Argo Rollouts' background analysis: a measurement per minute; Failed when success is below 99 %, Error when there is no
 * data; aborts when more than three measurements failed in all (failureLimit 3), or more than four errors came in a row.
 */
export const argo: Judge<State> = {
  start: () => ({ minutes: startMinutes(), failed: 0, errors: 0, aborted: false }),
  step: (state, input) => {
    const minute = addSecond(state.minutes, input)
    if (minute !== null) {
      if (minute.requestsNew === 0) {
        state.errors += 1
      } else {
        state.errors = 0
        if (1 - minute.badNew / minute.requestsNew < SUCCESS) state.failed += 1
      }
      if (state.failed > FAILURE_LIMIT || state.errors > CONSECUTIVE_ERROR_LIMIT) state.aborted = true
    }
    return { state, decision: state.aborted ? rollBack() : ramp(scheduled(state.minutes.elapsed)) }
  },
  explain: (state) => plainVerdict(`${state.failed} measurements failed`),
}
