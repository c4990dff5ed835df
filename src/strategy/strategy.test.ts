import { describe, expect, test } from 'vitest'
import { strategyNamed } from './index.ts'
import type { PlanInput, StrategySettings } from './strategy.ts'

const settings: StrategySettings = {
  name: 'rolling',
  stepSeconds: 60,
  preset: 'balanced',
  bakeSeconds: 0,
  batch: 0.25,
  surge: 0.25,
  switch: 'at-once',
  smoke: [],
  onInconclusive: 'ask',
  absoluteLimit: 0.01,
  latency: true,
}
const input = (change: Partial<PlanInput> = {}, strategy: Partial<StrategySettings> = {}): PlanInput => ({
  services: [
    { name: 'web', kind: 'web', instances: 4 },
    { name: 'mail', kind: 'worker', instances: 2, startWorkers: 'after-promotion' },
    { name: 'docs', kind: 'static', instances: 1 },
  ],
  base: { web: 4, mail: 2 },
  settings: { ...settings, ...strategy },
  weighted: true,
  ...change,
})

describe('a plan', () => {
  test('of a first deployment launches everything and shifts at once, whatever the strategy', () => {
    for (const name of ['rolling', 'blue-green', 'canary'] as const) {
      expect(strategyNamed(name).plan(input({ base: null }))).toEqual([
        { kind: 'launch', counts: { web: 4 } },
        { kind: 'shift', weight: 1, watchSeconds: 0 },
      ])
    }
  })

  test('of rolling moves traffic with each batch and never below the old capacity that is still needed', () => {
    const steps = strategyNamed('rolling').plan(input())
    expect(steps.filter((step) => step.kind === 'launch').map((step) => step.counts.web)).toEqual([1, 2, 3, 4])
    expect(steps.filter((step) => step.kind === 'shift').map((step) => step.weight)).toEqual([0.25, 0.5, 0.75, 1])
    expect(steps.filter((step) => step.kind === 'shrink').map((step) => step.counts.web)).toEqual([3, 2, 1])
  })

  test('of rolling with a bake keeps the old fleet whole, so that it can take the traffic back', () => {
    const steps = strategyNamed('rolling').plan(input({}, { bakeSeconds: 60 }))
    expect(steps.some((step) => step.kind === 'shrink')).toBe(false)
    expect(steps.at(-1)).toEqual({ kind: 'bake', seconds: 60 })
  })

  test('of rolling where weights cannot be set replaces all at once', () => {
    const steps = strategyNamed('rolling').plan(input({ weighted: false }))
    expect(steps.filter((step) => step.kind === 'shift')).toEqual([{ kind: 'shift', weight: 1, watchSeconds: 0 }])
  })

  test('of blue-green smokes the new fleet, switches and bakes', () => {
    const plan = strategyNamed('blue-green').plan(input({}, { smoke: ['/health'], bakeSeconds: 600 }))
    expect(plan.map((step) => step.kind)).toEqual(['launch', 'smoke', 'shift', 'bake'])
    const ramped = strategyNamed('blue-green').plan(input({}, { switch: 'ramp' }))
    expect(ramped.map((step) => step.kind)).toEqual(['launch', 'ramp', 'bake'])
  })

  test('of canary leaves the weight to the judge', () => {
    expect(
      strategyNamed('canary')
        .plan(input())
        .map((step) => step.kind),
    ).toEqual(['launch', 'ramp', 'bake'])
  })

  test('starts workers early only where the service says so', () => {
    const services: PlanInput['services'] = [
      { name: 'mail', kind: 'worker', instances: 2, startWorkers: 'before-shift' },
    ]
    expect(strategyNamed('canary').plan(input({ services }))[0]).toEqual({ kind: 'launch', counts: { mail: 2 } })
  })
})
