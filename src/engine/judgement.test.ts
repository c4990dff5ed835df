import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { explain, replay, start, step } from '../judge/index.ts'
import type { StrategySettings } from '../model/strategy.ts'
import { ada } from '../model/testing/ada.ts'
import { findJudgeState } from '../store/judge-states.ts'
import type { Deployment } from './engine.ts'
import type { Kept } from './judgement/kept.ts'
import { fastClock } from './testing/fast-clock.ts'
import { type TestEngine, testEngine } from './testing/test-engine.ts'
import { startVisitors, type Visitors } from './testing/visitors.ts'

/** The engine with the real judge: visitors are made up, and their seconds pass twenty times faster. */
const clock = fastClock(20)
let engine: TestEngine
let visitors: Visitors | null = null

beforeAll(async () => {
  engine = await testEngine({ judge: { start, step, explain }, clock, request: { service: { instances: 4 } } })
})
afterAll(() => engine?.remove())
beforeEach(() => engine.renew())
afterEach(() => {
  visitors?.stop()
  visitors = null
})

/** A first release with an hour's quarter of a past. */
async function served(perSecond = 40): Promise<Deployment> {
  const first = await engine.serve()
  visitors = startVisitors({ target: engine.target, environment: engine.key(), clock, perSecond, historySeconds: 300 })
  return first
}

/** Deploys a release of which this share of the requests fails. */
async function deployFailing(share: number, strategy: Partial<StrategySettings>): Promise<Deployment> {
  const { id } = await engine.deploy(strategy)
  const { release } = await engine.until(id, (deployment) => deployment.release !== null)
  visitors?.fail(release ?? '', share)
  return engine.until(id, () => true)
}

const ordersSince = (from: number) => engine.target.orders.slice(from)

describe('a rolling deployment', () => {
  test('whose first batch fails half of its requests is rolled back before the second', async () => {
    const first = await served()
    const from = engine.target.orders.length
    const bad = await deployFailing(0.5, { batch: 0.25, surge: 0.25, stepSeconds: 60 })
    expect(await engine.finished(bad.id)).toMatchObject({
      state: 'rolled-back',
      reason: { code: 'ROLLED_BACK' },
      verdict: { action: 'roll-back', conclusive: true },
    })
    const orders = ordersSince(from)
    expect(orders).not.toContain(`scale ${bad.release} {"web":2}`)
    expect(orders).not.toContain(`shift ${first.release} ${bad.release} 0.5`)
    expect(engine.target.splitOf(engine.key())).toMatchObject({ base: first.release, candidate: null })
  })

  test('without a step time is judged by what became known while the next batch started', async () => {
    const first = await served()
    engine.target.beforeScale = async (release) => {
      const isRunning = engine.target.releasesRunning(engine.key()).includes(release)
      if (release === first.release || !isRunning) return
      // The second launch takes as long as it takes to see a hundred more requests, half of them fail.
      visitors?.fail(release, 0.5)
      const seen = visitors?.requestsTo(release) ?? 0
      while ((visitors?.requestsTo(release) ?? 0) < seen + 100) await new Promise((go) => setTimeout(go, 10))
    }
    const from = engine.target.orders.length
    const { id } = await engine.deploy({ batch: 0.25, surge: 0.25 })
    const { release } = await engine.until(id, (deployment) => deployment.weight > 0)
    const deployment = await engine.finished(id)
    expect(deployment).toMatchObject({ state: 'rolled-back', verdict: { action: 'roll-back' } })
    const orders = ordersSince(from)
    expect(orders).not.toContain(`shift ${first.release} ${release} 0.5`)
    // The old fleet was smaller by then: it is whole again before the traffic comes back.
    const story = [
      `shift ${first.release} ${release} 0.25`,
      `scale ${first.release} {"web":3}`,
      `scale ${first.release} {"web":4}`,
      `shift ${first.release} ${release} 0`,
      `shift ${first.release} - 0`,
    ]
    expect(orders.filter((order) => story.includes(order))).toEqual(story)
  })

  test('that is healthy goes through without waiting', async () => {
    const first = await served()
    const second = await engine.serve({ batch: 0.25, surge: 0 })
    expect(second).toMatchObject({ previousRelease: first.release, weight: 1 })
    expect(second.verdict?.action).toBe('hold')
  })
})

describe('a canary', () => {
  test('that fails is rolled back, and a replay of what was kept comes to the same verdict', async () => {
    await served()
    const bad = await deployFailing(0.3, { name: 'canary' })
    const deployment = await engine.finished(bad.id)
    expect(deployment).toMatchObject({ state: 'rolled-back', verdict: { action: 'roll-back' } })
    const dossier = await engine.parts.dossier(bad.id)
    expect(dossier).toMatchObject({ phase: 'shift', phases: ['shift'] })
    if (dossier === null) return
    const again = replay(dossier, dossier.policy)
    expect(again.verdict).toEqual(deployment.verdict)
    expect(again.missingSeconds).toBe(0)
    const lenient = replay(dossier, { ...dossier.policy, metrics: { ...dossier.policy.metrics, errors: false } })
    expect(lenient.verdict.action).not.toBe('roll-back')
  })

  test('that is blue and green has a dossier of the switch and of the bake, and each can be judged again', async () => {
    await served()
    const deployment = await engine.serve({ name: 'blue-green', bakeSeconds: 20 })
    const [bake, shift] = [
      await engine.parts.dossier(deployment.id),
      await engine.parts.dossier(deployment.id, 'shift'),
    ]
    expect([bake?.phase, shift?.phase, bake?.phases]).toEqual(['bake', 'shift', ['shift', 'bake']])
    expect(bake?.seconds.length).toBeGreaterThan(5)
    if (bake !== null) expect(replay(bake, bake.policy).verdict).toEqual(deployment.verdict)
    expect(await engine.parts.dossier('d0')).toBeNull()
  })

  test('bakes until all of its time is known where figures come late', async () => {
    engine.target.habits = { sampleLagSeconds: 40 }
    await served()
    const deployment = await engine.serve({ name: 'blue-green', bakeSeconds: 20 })
    const bake = await engine.parts.dossier(deployment.id)
    const seconds = bake?.seconds.map(({ second }) => second) ?? []
    expect(Math.max(...seconds) - Math.min(...seconds)).toBeGreaterThanOrEqual(58)
    if (bake !== null) expect(replay(bake, bake.policy).verdict).toEqual(deployment.verdict)
  })

  test('that was promoted without enough evidence stays inconclusive, however quiet its bake was', async () => {
    await engine.serve()
    const { verdict } = await engine.serve({ name: 'canary', maxWaitSeconds: 10, bakeSeconds: 10 })
    expect(verdict).toMatchObject({ action: 'promote', conclusive: false })
    expect(verdict?.summary).toMatch(/^promoted after .*the evidence did not suffice; then watching for \d+ s at 100 %/)
  })

  test('is probed twice before its first user', async () => {
    const probed = answering(() => 200)
    await served()
    const { id } = await engine.deploy({ name: 'canary' })
    const { release } = await engine.until(id, (deployment) => deployment.weight > 0)
    expect(probed.filter((asked) => asked === release).length).toBeGreaterThanOrEqual(2)
    expect(probed).toContain((await engine.parts.engine.deployments.get(id)).previousRelease)
    await engine.parts.engine.deployments.cancel(ada, id)
    expect(await engine.finished(id)).toMatchObject({ state: 'cancelled' })
  })

  test('holds up no bake when it is set back', async () => {
    await served()
    const { id } = await engine.deploy({ name: 'blue-green', bakeSeconds: 60 })
    await engine.until(id, (deployment) => deployment.state === 'baking')
    clock.jump(-3600)
    expect(await engine.finished(id)).toMatchObject({ state: 'succeeded' })
  })

  test('that fails its probes ends as failed, and no user has seen it', async () => {
    let first = ''
    answering((release) => (release === first ? 200 : 500))
    first = (await served()).release ?? ''
    const from = engine.target.orders.length
    const deployment = await engine.finished((await engine.deploy({ name: 'canary' })).id)
    expect(deployment).toMatchObject({
      state: 'failed',
      weight: 0,
      reason: { code: 'INSTANCE_UNHEALTHY', message: expect.stringContaining('probes of web /health fail') },
    })
    expect(visitors?.requestsTo(deployment.release ?? '')).toBe(0)
    const shifts = ordersSince(from).filter((order) => order.startsWith('shift'))
    expect(shifts.at(-1)).toBe(`shift ${first} - 0`)
    expect(new Set(shifts.slice(0, -1))).toEqual(new Set([`shift ${first} ${deployment.release} 0`]))
    expect(engine.target.releasesRunning(engine.key())).toEqual([first])
  })
})

/** Instances of all releases can be asked; tells who was. */
function answering(statusOf: (release: string) => number): string[] {
  const asked: string[] = []
  engine.target.statusOf = (release) => {
    asked.push(release)
    return statusOf(release)
  }
  return asked
}

describe('a clock that is set by an hour', () => {
  test.each([3600, -3600])('(%i s) ends no observation early and hides no failure', async (jump) => {
    await served()
    const { id } = await engine.deploy({ name: 'canary', observeSeconds: 120, maxWaitSeconds: 1200 })
    const { release } = await engine.until(id, (deployment) => deployment.weight > 0)
    await judgedAcross(jump, id, 'shift')
    const soon = await engine.parts.engine.deployments.get(id)
    expect(soon.running && soon.weight < 1).toBe(true)
    visitors?.fail(release ?? '', 0.5)
    expect(await engine.finished(id)).toMatchObject({ state: 'rolled-back', verdict: { action: 'roll-back' } })
  })

  test('ends no bake early', async () => {
    await served()
    const { id } = await engine.deploy({ name: 'blue-green', bakeSeconds: 1800 })
    await engine.until(id, (deployment) => deployment.state === 'baking')
    await judgedAcross(3600, id, 'bake')
    expect(await engine.parts.engine.deployments.get(id)).toMatchObject({ state: 'baking', running: true })
    await engine.parts.engine.deployments.cancel(ada, id)
    expect(await engine.finished(id)).toMatchObject({ state: 'cancelled' })
  })
})

/** Sets the clock while the phase is judged, and waits until the judge has met the jump and looked again after it. */
async function judgedAcross(jump: number, id: string, phase: string): Promise<void> {
  const kept = async () => (await findJudgeState(engine.store.database, id, phase))?.state as Kept | undefined
  await until(async () => (await kept()) !== undefined)
  clock.jump(jump)
  await until(async () => (await kept())?.clockOffsetSeconds === -jump)
  const { elapsedMs = 0 } = (await kept()) ?? {}
  await until(async () => ((await kept())?.elapsedMs ?? 0) > elapsedMs)
}

async function until(isReached: () => Promise<boolean>): Promise<void> {
  while (!(await isReached())) await new Promise((go) => setTimeout(go, 10))
}
