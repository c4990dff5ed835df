import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { explain, start, step } from '../judge/index.ts'
import type { StrategySettings } from '../model/strategy.ts'
import { ada } from '../model/testing/ada.ts'
import { Cloud } from '../targets/testing/slow-target/cloud.ts'
import { directly } from '../targets/testing/slow-target/cloud-client.ts'
import type { HabitsName } from '../targets/testing/slow-target/habits.ts'
import { slowTarget } from '../targets/testing/slow-target/slow-target.ts'
import { fastClock } from './testing/fast-clock.ts'
import { type SlowPlace, slowPlace } from './testing/slow-place.ts'
import { type TestEngine, testEngine } from './testing/test-engine.ts'

/** The real engine and the real judge at a place with the habits of a cloud. A minute there is half a second here. */
const clock = fastClock(120)
const cloud = new Cloud(clock)
let engine: TestEngine

beforeAll(async () => {
  const real = slowTarget({ clock, transport: directly(cloud) })
  engine = await testEngine({ judge: { start, step, explain }, clock, real })
})
afterAll(() => engine?.remove())

let places = 0
const place = (habits?: HabitsName): SlowPlace => slowPlace(engine, cloud, `p${places++}`, habits)

const strategies = {
  rolling: { name: 'rolling', batch: 0.5, surge: 0.5, stepSeconds: 120 },
  'blue-green': { name: 'blue-green', bakeSeconds: 300 },
  canary: { name: 'canary', preset: 'fast', bakeSeconds: 300, latency: false },
} as const satisfies Record<string, Partial<StrategySettings>>
const names = Object.keys(strategies) as readonly (keyof typeof strategies)[]

/** Nobody was left without an answer, and nobody got a bad one but from `bad`. */
function expectUnharmed(where: SlowPlace, serves: string | null, bad: readonly (string | null)[] = []): void {
  const seen = where.seen()
  expect(seen.lost).toEqual([])
  expect(new Set(seen.serves)).toEqual(new Set([serves]))
  expect(seen.badOf.filter((release) => !bad.includes(release))).toEqual([])
}

describe.concurrent.each(names)('a %s deployment at a slow place', (name) => {
  const strategy = strategies[name]

  test('that is healthy succeeds, and the old fleet goes when nobody is led there any more', async () => {
    const where = place()
    await where.serve()
    const { release } = await where.serve(strategy)
    expectUnharmed(where, release)
    expect(where.running()).toEqual([release])
  })

  test('that crashes at its start fails, and users saw nothing', async () => {
    const where = place()
    const first = await where.serve()
    const { id } = await where.deploy(strategy, { service: { env: { APP_CRASH_AFTER_MS: '0' } } })
    expect(await engine.finished(id)).toMatchObject({ state: 'failed', reason: { code: 'INSTANCE_CRASHED' } })
    expectUnharmed(where, first.release)
    expect(where.running()).toEqual([first.release])
  })

  test('whose users get errors is rolled back, and nobody but its users was harmed', async () => {
    const where = place()
    const first = await where.serve()
    const { id } = await where.deploy(strategy)
    const { release } = await engine.until(id, (deployment) => deployment.release !== null)
    where.fail(release ?? '', 0.5)
    expect(await engine.finished(id)).toMatchObject({ state: 'rolled-back', reason: { code: 'ROLLED_BACK' } })
    expectUnharmed(where, first.release, [release])
    expect(where.running()).toEqual([first.release])
  })

  test('that is cancelled while it shifts takes its users back', async () => {
    const where = place()
    const first = await where.serve()
    const { id } = await where.deploy({ ...strategy, stepSeconds: 3600, bakeSeconds: 3600 })
    await engine.until(id, ({ weight }) => weight > 0)
    await engine.parts.engine.deployments.cancel(ada, id)
    expect(await engine.finished(id)).toMatchObject({ state: 'cancelled' })
    expectUnharmed(where, first.release)
    expect(where.running()).toEqual([first.release])
  })

  test('gives way to a newer one while it launches', async () => {
    const where = place()
    await where.serve()
    const older = await where.deploy(strategy)
    await engine.until(older.id, ({ state }) => state === 'launching')
    const newer = await where.deploy({ name: 'rolling', batch: 1, surge: 1 })
    expect(await engine.finished(older.id)).toMatchObject({ state: 'superseded' })
    const { state, release } = await engine.finished(newer.id)
    expect(state).toBe('succeeded')
    expectUnharmed(where, release)
  })
})

describe.concurrent('a rollback at a slow place', () => {
  test('during a bake leads users back to the warm fleet', async () => {
    const where = place()
    const first = await where.serve()
    const { id } = await where.deploy({ ...strategies['blue-green'], bakeSeconds: 36_000 })
    await engine.until(id, ({ state }) => state === 'baking')
    const rollback = await engine.parts.engine.deployments.rollback(ada, { environment: where.key })
    expect(await engine.finished(rollback.id)).toMatchObject({ state: 'succeeded', release: first.release })
    expect(await engine.finished(id)).toMatchObject({ state: 'rolled-back' })
    expectUnharmed(where, first.release)
  })

  test('after it launches the kept release again', async () => {
    const where = place()
    const first = await where.serve()
    await where.serve()
    const rollback = await engine.parts.engine.deployments.rollback(ada, { environment: where.key })
    expect(await engine.finished(rollback.id)).toMatchObject({ state: 'succeeded', release: first.release })
    expectUnharmed(where, first.release)
    expect(where.running()).toEqual([first.release])
  })
})

describe.concurrent('a canary', () => {
  test('by figures that come by the minute, two minutes late, is promoted where it is healthy', async () => {
    const where = place('blocks')
    await where.serve()
    const { release, verdict } = await where.serve({
      ...strategies.canary,
      bakeSeconds: 0,
      onInconclusive: 'roll-back',
    })
    expect(verdict).toMatchObject({ action: 'promote' })
    expectUnharmed(where, release)
  })

  test('where only steps can be set goes up by them', async () => {
    const where = place('steps')
    await where.serve()
    const { release } = await where.serve(strategies.canary)
    expectUnharmed(where, release)
  })

  test('where no weights can be set is all at once, says so, and is still rolled back by what users got', async () => {
    const where = place('no-weights')
    const first = await where.serve()
    const { id } = await where.deploy(strategies.canary)
    const { release } = await engine.until(id, (deployment) => deployment.release !== null)
    where.fail(release ?? '', 0.5)
    const deployment = await engine.finished(id)
    expect(deployment.state).toBe('rolled-back')
    expectUnharmed(where, first.release, [release])
  })
})

describe.concurrent.each(names)('a %s deployment at a place that shifts by itself', (name) => {
  test('is handed over, looked at and watched', async () => {
    const where = place('owns-shift')
    await where.serve()
    const { release, steps } = await where.serve(strategies[name])
    const handed = steps.find((each) => each.name === 'hand-over')
    expect(handed).toMatchObject({
      state: 'done',
      detail: expect.stringContaining(`a ${name} deployment goes as it does`),
    })
    expectUnharmed(where, release)
    expect(where.running()).toEqual([release])
  })
})

describe.concurrent('a release that was handed over', () => {
  test('and fails is taken back by launching the one before', async () => {
    const where = place('owns-shift')
    const first = await where.serve()
    const { id } = await where.deploy(strategies['blue-green'])
    const { release } = await engine.until(id, (deployment) => deployment.release !== null)
    where.fail(release ?? '', 0.5)
    expect(await engine.finished(id)).toMatchObject({ state: 'rolled-back' })
    expectUnharmed(where, first.release, [release])
  })
})
