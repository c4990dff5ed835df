import type { StrategyStep } from '../model/strategy.ts'
import { allAtOnce, handOver } from './all-at-once.ts'
import { countsBeforeShift } from './counts.ts'
import { firstDeployment } from './rolling.ts'
import type { PlanInput, Strategy } from './strategy.ts'

/** A whole second fleet, looked at by preview header, then the switch; the old fleet stays for the bake. */
export const blueGreen: Strategy = {
  name: 'blue-green',
  plan(input) {
    if (input.base === null) return firstDeployment(input)
    if (input.ownsShift) return handOver(input)
    const { settings, services } = input
    return [
      { kind: 'launch', counts: countsBeforeShift(services) },
      switched(input),
      { kind: 'bake', seconds: settings.bakeSeconds },
    ]
  },
}

function switched({ settings, weights }: PlanInput): StrategyStep {
  if (settings.switch === 'at-once') return { kind: 'shift', weight: 1, watchSeconds: 0 }
  return weights === 'none' ? allAtOnce(0) : { kind: 'ramp' }
}
