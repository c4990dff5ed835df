import { describe, expect, test } from 'vitest'
import type { Step, StrategySettings } from '../model/strategy.ts'
import { strategyNamed } from './index.ts'
import type { PlanInput } from './strategy.ts'
import { strategySettings } from './testing/strategy-settings.ts'

const input = (change: Partial<PlanInput> = {}, strategy: Partial<StrategySettings> = {}): PlanInput => ({
  services: [
    { name: 'web', kind: 'web', instances: 4 },
    { name: 'mail', kind: 'worker', instances: 2, startWorkers: 'after-promotion' },
    { name: 'docs', kind: 'static', instances: 1 },
  ],
  base: { web: 4, mail: 2 },
  settings: strategySettings(strategy),
  weights: 'any',
  ownsShift: false,
  ...change,
})

describe('a plan', () => {
  test('of a first deployment launches everything and shifts at once, whatever the strategy', () => {
    for (const name of ['rolling', 'blue-green', 'canary'] as const) {
      expect(strategyNamed(name).plan(input({ base: null }))).toEqual([
        { kind: 'launch', counts: { web: 4 } },
        { kind: 'shift', weight: 1, watchSeconds: null },
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
    const steps = strategyNamed('rolling').plan(input({ weights: 'none' }))
    expect(steps.filter((step) => step.kind === 'shift')).toEqual([
      { kind: 'shift', weight: 1, watchSeconds: 0, why: expect.stringContaining('no share of the traffic can be set') },
    ])
  })

  test('of blue-green switches and bakes', () => {
    const plan = strategyNamed('blue-green').plan(input({}, { bakeSeconds: 600 }))
    expect(plan.map((step) => step.kind)).toEqual(['launch', 'shift', 'bake'])
    const ramped = strategyNamed('blue-green').plan(input({}, { switch: 'ramp' }))
    expect(ramped.map((step) => step.kind)).toEqual(['launch', 'ramp', 'bake'])
  })

  test('of canary where weights cannot be set says that it is all at once, and watches', () => {
    expect(strategyNamed('canary').plan(input({ weights: 'none' }, { bakeSeconds: 600 }))).toEqual([
      { kind: 'launch', counts: { web: 4 } },
      { kind: 'shift', weight: 1, watchSeconds: 0, why: expect.stringContaining('no share of the traffic can be set') },
      { kind: 'bake', seconds: 600 },
    ])
  })

  test('of rolling where only steps can be set never gives more traffic than there is capacity', () => {
    const services = [{ name: 'web', kind: 'web', instances: 3 } as const]
    const steps = strategyNamed('rolling').plan(input({ weights: 'steps', services, base: { web: 3 } }))
    const weights = steps.filter((step) => step.kind === 'shift').map(({ weight }) => Math.round(weight * 1000) / 1000)
    expect(weights).toEqual([0.3, 0.65, 1])
  })

  test('at a place that shifts by itself is looked at, handed over and watched, whatever the strategy', () => {
    for (const name of ['rolling', 'blue-green', 'canary'] as const) {
      const plan = strategyNamed(name).plan(input({ weights: 'none', ownsShift: true }, { name, bakeSeconds: 60 }))
      expect(plan.map((step) => step.kind)).toEqual(['launch', 'hand-over', 'bake'])
      expect(plan[1]).toMatchObject({ why: expect.stringContaining(`a ${name} deployment goes as it does`) })
    }
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

/** Follows a rolling plan for one service and checks what is there after each step. */
function follow(steps: readonly Step[], instances: number) {
  let [old, fresh, weight] = [instances, 0, 0]
  let [least, most] = [instances, instances]
  for (const step of steps) {
    if (step.kind === 'launch') fresh = step.counts.web ?? fresh
    if (step.kind === 'shrink') old = step.counts.web ?? old
    if (step.kind === 'shift') weight = step.weight
    // What serves: only a release that gets traffic, or whose traffic may come at once.
    least = Math.min(least, old + fresh)
    most = Math.max(most, old + fresh)
    if (weight < 1) expect(old, 'the old release has traffic').toBeGreaterThan(0)
    if (weight > 0) expect(fresh, 'the new release has traffic').toBeGreaterThan(0)
  }
  return { old, fresh, weight, least, most }
}

describe('a rolling plan', () => {
  const shares = [0, 0.1, 0.25, 0.34, 0.375, 0.5, 1]

  test('keeps to the capacity that batch and surge allow, for every number of instances', () => {
    for (const instances of [1, 2, 3, 4, 5, 7, 8, 10]) {
      for (const batch of shares) {
        for (const surge of shares) {
          const services: PlanInput['services'] = [{ name: 'web', kind: 'web', instances }]
          const steps = strategyNamed('rolling').plan(input({ services, base: { web: instances } }, { batch, surge }))
          const seen = follow(steps, instances)
          const what = `${instances} instances, batch ${batch}, surge ${surge}: ${JSON.stringify(steps)}`
          const oneBatch = Math.max(1, Math.ceil(batch * instances))
          expect(seen.least, what).toBeGreaterThanOrEqual(Math.max(1, instances - oneBatch))
          expect(seen.most, what).toBeLessThanOrEqual(instances + Math.max(1, Math.ceil(surge * instances)))
          expect([seen.fresh, seen.weight], what).toEqual([instances, 1])
          // With surge no capacity is ever missing.
          if (surge > 0 || instances === 1) expect(seen.least, what).toBe(instances)
        }
      }
    }
  })

  test('without surge takes the old ones of a batch first, after their traffic has moved', () => {
    const services: PlanInput['services'] = [{ name: 'web', kind: 'web', instances: 4 }]
    const steps = strategyNamed('rolling').plan(input({ services, base: { web: 4 } }, { batch: 0.5, surge: 0 }))
    expect(steps).toEqual([
      { kind: 'shrink', counts: { web: 2 } },
      { kind: 'launch', counts: { web: 2 } },
      { kind: 'shift', weight: 1, watchSeconds: 0 },
      { kind: 'shrink', counts: { web: 0 } },
      { kind: 'launch', counts: { web: 4 } },
    ])
  })

  test('without surge still brings a single instance up before the old one goes', () => {
    const services: PlanInput['services'] = [{ name: 'web', kind: 'web', instances: 1 }]
    const steps = strategyNamed('rolling').plan(input({ services, base: { web: 1 } }, { surge: 0 }))
    expect(steps.map((step) => step.kind)).toEqual(['launch', 'shift'])
  })

  test('with less surge than batch brings new ones in pieces', () => {
    const services: PlanInput['services'] = [{ name: 'web', kind: 'web', instances: 4 }]
    const steps = strategyNamed('rolling').plan(input({ services, base: { web: 4 } }, { batch: 0.5, surge: 0.25 }))
    expect(steps.flatMap((step) => (step.kind === 'launch' ? [step.counts.web] : []))).toEqual([1, 2, 3, 4])
  })

  test('leaves old workers alone whose successors start after the promotion', () => {
    const steps = strategyNamed('rolling').plan(input())
    expect(steps.some((step) => step.kind === 'shrink' && 'mail' in step.counts)).toBe(false)
  })

  test('with a step time has the judge watch each batch', () => {
    const steps = strategyNamed('rolling').plan(input({}, { stepSeconds: 30 }))
    expect(steps.flatMap((step) => (step.kind === 'shift' ? [step.watchSeconds] : []))).toEqual([30, 30, 30, 30])
  })
})
