import type { StrategyStep } from '../model/strategy.ts'
import { countsBeforeShift } from './counts.ts'
import type { PlanInput } from './strategy.ts'

/** All traffic in one step, where shares of it were wanted and cannot be set. */
export function allAtOnce(watchSeconds: number): StrategyStep {
  return { kind: 'shift', weight: 1, watchSeconds, why: 'all at once: no share of the traffic can be set here' }
}

/**
 * A place that launches, shifts and retires by itself: the new release is made and looked at, handed over, and watched. The
 * old fleet does not stay: taking the release back is a launch.
 */
export function handOver({ services, settings }: PlanInput): readonly StrategyStep[] {
  return [
    { kind: 'launch', counts: countsBeforeShift(services) },
    { kind: 'hand-over', why: `the place moves the traffic by itself: a ${settings.name} deployment goes as it does` },
    ...(settings.bakeSeconds > 0 ? [{ kind: 'bake', seconds: settings.bakeSeconds } as const] : []),
  ]
}
