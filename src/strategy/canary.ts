import { allAtOnce, handOver } from './all-at-once.ts'
import { countsBeforeShift } from './counts.ts'
import { firstDeployment } from './rolling.ts'
import type { Strategy } from './strategy.ts'

/** A growing share of visitors, judged against the old release at the same moment; fixed steps are the judge's too. */
export const canary: Strategy = {
  name: 'canary',
  plan(input) {
    if (input.base === null) return firstDeployment(input)
    if (input.ownsShift) return handOver(input)
    const { settings, services } = input
    return [
      { kind: 'launch', counts: countsBeforeShift(services) },
      input.weights === 'none' ? allAtOnce(0) : { kind: 'ramp' },
      { kind: 'bake', seconds: settings.bakeSeconds },
    ]
  },
}
