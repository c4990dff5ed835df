import type { Judge } from '../../../src/judge/index.ts'
import { addSecond, type Minutes, plainVerdict, ramp, rollBack, SUCCESS, scheduled, startMinutes } from './minutes.ts'

interface State {
  readonly minutes: Minutes
  /** Whether each minute breached, newest last; at most three. */
  breaches: boolean[]
  fired: boolean
}

/** A cloud alarm, as CodeDeploy and ECS use them: the error rate above 1 % in two of the last three minutes. No data does not breach. */
export const alarm: Judge<State> = {
  start: () => ({ minutes: startMinutes(), breaches: [], fired: false }),
  step: (state, input) => {
    const minute = addSecond(state.minutes, input)
    if (minute !== null) {
      const breached = minute.requestsNew > 0 && minute.badNew / minute.requestsNew > 1 - SUCCESS
      state.breaches = [...state.breaches, breached].slice(-3)
      if (state.breaches.filter(Boolean).length >= 2) state.fired = true
    }
    return { state, decision: state.fired ? rollBack() : ramp(scheduled(state.minutes.elapsed)) }
  },
  explain: (state) => plainVerdict(state.fired ? 'the alarm fired' : 'no alarm'),
}
