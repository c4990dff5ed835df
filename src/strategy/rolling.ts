import { countsBeforeShift, fullCounts, startsBeforeShift } from './counts.ts'
import type { PlanInput, Step, Strategy } from './strategy.ts'

/**
 * Batches: each brings up new instances, moves the share of traffic that they can carry, and takes as many old ones away.
 * With surge the old ones go only after the new ones serve, so capacity never falls below what was asked for.
 */
export const rolling: Strategy = {
  name: 'rolling',
  plan(input) {
    const { settings, services, base } = input
    const goal = fullCounts(services)
    if (base === null) return firstDeployment(input)
    const largest = Math.max(1, ...Object.values(goal))
    const batches = input.weighted ? Math.max(1, Math.ceil(1 / Math.max(settings.batch, 1 / largest))) : 1
    const steps: Step[] = []
    for (let batch = 1; batch <= batches; batch++) {
      const share = batch / batches
      const counts = Object.fromEntries(
        services.filter(startsBeforeShift).map((service) => [service.name, Math.ceil(service.instances * share)]),
      )
      steps.push({ kind: 'launch', counts })
      if (batch === 1 && settings.smoke.length > 0) steps.push({ kind: 'smoke', paths: settings.smoke })
      steps.push({ kind: 'shift', weight: share, watchSeconds: 0 })
      if (batch < batches && settings.bakeSeconds === 0) steps.push({ kind: 'shrink', counts: remaining(base, share) })
    }
    if (settings.bakeSeconds > 0) steps.push({ kind: 'bake', seconds: settings.bakeSeconds })
    return steps
  },
}

function remaining(base: Readonly<Record<string, number>>, share: number): Record<string, number> {
  return Object.fromEntries(
    Object.entries(base).map(([service, count]) => [service, Math.max(1, count - Math.floor(count * share))]),
  )
}

/** Nobody serves yet: nothing to compare with and nothing to go back to, so all traffic at once. */
export function firstDeployment({ services, settings }: PlanInput): readonly Step[] {
  return [
    { kind: 'launch', counts: countsBeforeShift(services) },
    ...(settings.smoke.length > 0 ? [{ kind: 'smoke', paths: settings.smoke } as const] : []),
    { kind: 'shift', weight: 1, watchSeconds: 0 },
  ]
}
