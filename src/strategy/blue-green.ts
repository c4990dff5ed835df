import { countsBeforeShift } from './counts.ts'
import { firstDeployment } from './rolling.ts'
import type { Strategy } from './strategy.ts'

/** A whole second fleet, looked at by preview header, then the switch; the old fleet stays for the bake. */
export const blueGreen: Strategy = {
  name: 'blue-green',
  plan(input) {
    if (input.base === null) return firstDeployment(input)
    const { settings, services } = input
    return [
      { kind: 'launch', counts: countsBeforeShift(services) },
      settings.switch === 'ramp' && input.weighted ? { kind: 'ramp' } : { kind: 'shift', weight: 1, watchSeconds: 0 },
      { kind: 'bake', seconds: settings.bakeSeconds },
    ]
  },
}
