import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { DeployOrder } from '../model/deploy-request.ts'
import { SluiceError } from '../model/error.ts'
import type { Event } from '../model/event.ts'
import type { StrategySettings } from '../model/strategy.ts'
import { ada } from '../model/testing/ada.ts'
import { listEvents } from '../store/events.ts'
import type { EngineParts } from './create-engine.ts'
import type { Deployment } from './engine.ts'
import type { MemoryTarget } from './testing/memory-target.ts'
import { type ScriptedJudge, scriptedJudge } from './testing/scripted-judge.ts'
import { type TestEngine, testEngine } from './testing/test-engine.ts'

let engine: TestEngine
let parts: EngineParts
let target: MemoryTarget
let judge: ScriptedJudge

beforeAll(async () => {
  judge = scriptedJudge()
  engine = await testEngine({ judge })
  parts = engine.parts
  target = engine.target
})
afterAll(() => engine?.remove())

let environment = ''
beforeEach(() => {
  engine.renew()
  environment = engine.environment()
  judge.say({ action: 'promote', weight: 1 })
})

const key = () => engine.key()
const deploy = (strategy: Partial<StrategySettings> = {}, change: Partial<DeployOrder> = {}) =>
  engine.deploy(strategy, change)
const until = (id: string, isReached: (deployment: Deployment) => boolean) => engine.until(id, isReached)
const finished = (id: string) => engine.finished(id)
const inState = (id: string, state: Deployment['state']) => until(id, (deployment) => deployment.state === state)
/** What was told of this test's environment so far, of some kinds. */
async function eventsOf(...types: Event['type'][]): Promise<readonly Pick<Event, 'type' | 'data'>[]> {
  const rows = await listEvents(engine.store.database, { after: 0, limit: 10_000, environment: key() })
  return rows.filter(({ type }) => types.includes(type)).map(({ type, data }) => ({ type, data }))
}
const serve = (strategy: Partial<StrategySettings> = {}) => engine.serve(strategy)

describe('a deployment', () => {
  test('of a first release ends with all traffic on it', async () => {
    const deployment = await serve()
    expect(target.splitOf(key())).toMatchObject({ base: deployment.release, candidate: null })
    expect(deployment.steps.map((step) => [step.name, step.state])).toEqual([
      ['build', 'done'],
      ['admit', 'done'],
      ['launch', 'done'],
      ['shift to 100 %', 'done'],
      ['serving', 'done'],
      ['settle', 'done'],
    ])
    expect(Object.keys(deployment.seconds).sort()).toEqual(
      expect.arrayContaining(['launch', 'prepare', 'settle', 'shift', 'total', 'wait']),
    )
  })

  test('replaces the release before and takes its fleet away only afterwards', async () => {
    const first = await serve()
    const from = target.orders.length
    const second = await serve({ name: 'blue-green' })
    expect(second.previousRelease).toBe(first.release)
    expect(target.orders.slice(from)).toEqual([
      `scale ${second.release} {"web":2}`,
      `shift ${first.release} ${second.release} 1`,
      `scale ${second.release} {"web":2}`,
      `shift ${second.release} - 0`,
      `retire ${first.release}`,
    ])
    expect(target.releasesRunning(key())).toEqual([second.release])
  })

  test('with the same idempotency key is one deployment', async () => {
    const key = { idempotencyKey: `key of ${environment}` }
    const [first, second] = await Promise.all([engine.start(engine.order(), key), engine.start(engine.order(), key)])
    expect(second.id).toBe(first.id)
    // Also when its source is not what it was.
    const source = { kind: 'folder', directory: '/gone' } as const
    const again = await parts.engine.deployments.deploy(ada, { environment: 'x', source, replace: false, ...key })
    expect(again.id).toBe(first.id)
    await finished(first.id)
  })

  test('of an earlier release builds nothing: its artifact goes on', async () => {
    const first = await serve()
    engine.failNextBuild(new SluiceError('BUILD_FAILED', 'nothing may be built'))
    const source = { kind: 'release', release: first.release ?? '' } as const
    const order = engine.order({}, {})
    const again = await engine.start({ ...order, source: { ...order.source, release: source.release } }, { source })
    expect(await finished(again.id)).toMatchObject({ state: 'succeeded', previousRelease: first.release })
    const unknown = { environment: 'x', source: { kind: 'release', release: 'r999' }, replace: false } as const
    await expect(parts.engine.deployments.deploy(ada, unknown)).rejects.toMatchObject({ code: 'RELEASE_UNKNOWN' })
  })

  test('registers its project the first time, with the folder that it came from', async () => {
    await serve()
    const listed = await parts.engine.projects.list()
    expect(listed).toEqual([
      { name: 'shop', directory: engine.directory, repository: null, createdAt: expect.any(String) },
    ])
  })

  test('whose build fails touches nothing', async () => {
    engine.failNextBuild(new SluiceError('BUILD_FAILED', 'the build ended with exit code 1', { hint: 'read the log' }))
    const from = target.orders.length
    const deployment = await finished((await deploy()).id)
    expect(deployment).toMatchObject({ state: 'failed', reason: { code: 'BUILD_FAILED', hint: 'read the log' } })
    expect(target.orders.slice(from)).toEqual([])
  })

  test('whose instances never become ready fails, and the old release serves on', async () => {
    const first = await serve()
    target.failNext('scale', new SluiceError('INSTANCE_NEVER_READY', 'never ready', { details: { logTail: ['x'] } }))
    const second = await finished((await deploy()).id)
    expect(second).toMatchObject({
      state: 'failed',
      reason: { code: 'INSTANCE_NEVER_READY', details: { logTail: ['x'] } },
    })
    expect(target.splitOf(key())).toMatchObject({ base: first.release, weight: 0 })
    expect(target.releasesRunning(key())).toEqual([first.release])
  })

  test('that is the first and fails says that there is nothing to go back to', async () => {
    target.failNext('scale', new SluiceError('INSTANCE_CRASHED', 'exit code 1'))
    const deployment = await finished((await deploy()).id)
    expect(deployment.state).toBe('failed')
    expect(deployment.reason?.hint).toContain('first deployment')
    expect(deployment.urls).toEqual([])
  })

  test('that cannot be taken back says so and ends as rollback-failed', async () => {
    await serve()
    judge.say({ weight: 0.1 })
    const { id } = await deploy({ name: 'canary' })
    await until(id, (deployment) => deployment.weight > 0)
    target.failNext('shift', new SluiceError('EDGE_UNREACHABLE', 'no edge'))
    await parts.engine.deployments.cancel(ada, id)
    expect(await finished(id)).toMatchObject({ state: 'rollback-failed', reason: { code: 'ROLLBACK_FAILED' } })
  })
})

describe('a canary', () => {
  test('follows the judge up and is promoted by it', async () => {
    await serve()
    judge.say({ weight: 0.25 })
    const { id } = await deploy({ name: 'canary' })
    await until(id, (deployment) => deployment.weight === 0.25)
    judge.say({ action: 'promote', weight: 1 })
    expect(await finished(id)).toMatchObject({ state: 'succeeded', verdict: { action: 'promote' } })
  })

  test('tells the judge all that the target can and cannot do', async () => {
    await serve()
    await serve({ name: 'canary' })
    const { reactionSeconds } = target.of(key()).capabilities
    expect(judge.heard()?.capabilities).toEqual({
      lowestWeight: 0,
      // The router's own, and a second until its news are judged.
      reactionSeconds: reactionSeconds + 1,
      sampleSeconds: 1,
      sampleLagSeconds: 0,
      perInstance: true,
      assignment: 'visitor',
      canLower: true,
    })
  })

  test('that the judge rolls back leaves the old release serving and the new one on hold', async () => {
    const first = await serve()
    judge.say({ weight: 0.25 })
    const { id } = await deploy({ name: 'canary' })
    await until(id, (deployment) => deployment.weight === 0.25)
    judge.say({ action: 'roll-back', weight: 0 })
    const deployment = await finished(id)
    expect(deployment).toMatchObject({ state: 'rolled-back', reason: { code: 'ROLLED_BACK' }, weight: 0 })
    expect(target.splitOf(key())).toMatchObject({ base: first.release, candidate: null })
    expect(await parts.engine.releases.get(deployment.release ?? '')).toMatchObject({ state: 'on-hold' })
  })

  test('whose instances crash again and again is rolled back', async () => {
    await serve()
    judge.say({ weight: 0.25 })
    const { id } = await deploy({ name: 'canary' })
    const { release } = await until(id, (deployment) => deployment.weight === 0.25)
    target.crash(release ?? '')
    expect(await finished(id)).toMatchObject({ state: 'rolled-back', reason: { code: 'INSTANCE_CRASHED' } })
  })

  test('that is cancelled takes its traffic back first', async () => {
    const first = await serve()
    judge.say({ weight: 0.5 })
    const { id } = await deploy({ name: 'canary' })
    const { release } = await until(id, (deployment) => deployment.weight === 0.5)
    const from = target.orders.length
    await parts.engine.deployments.cancel(ada, id)
    expect(await finished(id)).toMatchObject({ state: 'cancelled', reason: { message: 'cancelled by ada' } })
    expect(target.orders.slice(from)).toEqual([`shift ${first.release} - 0`, `retire ${release}`])
  })

  test('that stays undecided asks a person and does what the person says', async () => {
    await serve()
    judge.say({ action: 'hold', weight: 0.25, ask: true, reasons: [{ test: 'robust', text: 'undecided' }] })
    const { id } = await deploy({ name: 'canary' })
    await until(id, (deployment) => deployment.question !== null)
    await parts.engine.deployments.answer(ada, id, 'promote')
    expect(await finished(id)).toMatchObject({ state: 'succeeded', question: null })
  })
})

describe('one writer', () => {
  test('a newer deployment supersedes one that has not begun to shift', async () => {
    let open = () => {}
    const gate = new Promise<void>((resolve) => {
      open = resolve
    })
    target.beforeScale = () => gate
    const older = await deploy()
    await inState(older.id, 'launching')
    const newer = await deploy()
    await inState(newer.id, 'waiting')
    open()
    expect(await finished(older.id)).toMatchObject({ state: 'superseded' })
    expect(await finished(newer.id)).toMatchObject({ state: 'succeeded' })
  })

  test('a newer deployment waits for one that is shifting', async () => {
    await serve()
    judge.say({ weight: 0.1 })
    const older = await deploy({ name: 'canary' })
    await until(older.id, (deployment) => deployment.weight > 0)
    const newer = await deploy()
    const { waiting, steps } = await until(newer.id, (deployment) => deployment.waiting !== null)
    expect(waiting).toEqual({ reason: `waits for ${older.id} (canary at 10 %)`, until: null })
    expect(steps.at(-1)).toMatchObject({ name: 'admit', state: 'running', detail: waiting?.reason })
    judge.say({ action: 'promote', weight: 1 })
    expect(await finished(older.id)).toMatchObject({ state: 'succeeded' })
    expect(await finished(newer.id)).toMatchObject({
      state: 'succeeded',
      waiting: null,
      previousRelease: (await finished(older.id)).release,
    })
  })

  test('with replace it compensates the one that is shifting', async () => {
    await serve()
    judge.say({ weight: 0.1 })
    const older = await deploy({ name: 'canary' })
    await until(older.id, (deployment) => deployment.weight > 0)
    const newer = await deploy({}, { replace: true })
    expect(await finished(older.id)).toMatchObject({ state: 'superseded' })
    judge.say({ action: 'promote', weight: 1 })
    expect(await finished(newer.id)).toMatchObject({ state: 'succeeded' })
  })

  test('a bake holds nobody up: a newer deployment ends it and builds on its release', async () => {
    await serve()
    judge.say({ action: 'hold', weight: 1 })
    const older = await deploy({ name: 'blue-green', bakeSeconds: 600 })
    await inState(older.id, 'baking')
    const newer = await deploy()
    const [first, second] = [await finished(older.id), await finished(newer.id)]
    expect([first.state, second.state]).toEqual(['succeeded', 'succeeded'])
    expect(second.previousRelease).toBe(first.release)
    expect(target.releasesRunning(key())).toEqual([second.release])
  })

  test('other environments are not waited for', async () => {
    await serve()
    judge.say({ action: 'hold', weight: 0.1 })
    const canary = await deploy({ name: 'canary' })
    await until(canary.id, (deployment) => deployment.weight > 0)
    engine.renew()
    await serve()
    await parts.engine.deployments.cancel(ada, canary.id)
    await finished(canary.id)
  })
})

describe('a rollback', () => {
  test('during a bake is one weight change to the warm fleet, and the release left is on hold', async () => {
    const first = await serve()
    judge.say({ action: 'hold', weight: 1 })
    const baking = await deploy({ name: 'blue-green', bakeSeconds: 600 })
    await inState(baking.id, 'baking')
    expect(await parts.engine.deployments.checkRollback(key())).toMatchObject({
      possible: true,
      way: 'warm',
      to: first.release,
    })
    const from = target.orders.length
    const rollback = await parts.engine.deployments.rollback(ada, { environment })
    expect(await finished(rollback.id)).toMatchObject({ state: 'succeeded', release: first.release, kind: 'rollback' })
    expect(await finished(baking.id)).toMatchObject({ state: 'rolled-back' })
    expect(target.orders[from]).toBe(`shift ${first.release} - 0`)
    expect(await parts.engine.environments.get(key())).toMatchObject({ release: first.release })
  })

  test('after the bake launches the release before and moves everything to it', async () => {
    const first = await serve()
    const second = await serve()
    expect(await parts.engine.deployments.checkRollback(environment)).toMatchObject({ possible: true, way: 'launch' })
    const rollback = await parts.engine.deployments.rollback(ada, { environment: key() })
    expect(await finished(rollback.id)).toMatchObject({
      state: 'succeeded',
      release: first.release,
      previousRelease: second.release,
    })
    expect(target.releasesRunning(key())).toEqual([first.release])
    expect(await parts.engine.releases.get(second.release ?? '')).toMatchObject({ state: 'on-hold' })
    expect((await parts.engine.deployments.checkRollback(key())).lastSeconds).not.toBeNull()
  })

  test('goes to a named release', async () => {
    const first = await serve()
    await serve()
    await serve()
    const rollback = await parts.engine.deployments.rollback(ada, { environment, release: first.release ?? '' })
    expect(await finished(rollback.id)).toMatchObject({ state: 'succeeded', release: first.release })
  })
})

describe('environments', () => {
  test('are found by key and by a name that is unique; others get the nearest names', async () => {
    await serve()
    expect((await parts.engine.environments.get(environment)).key).toBe(key())
    await expect(parts.engine.environments.get(`${environment}x`)).rejects.toMatchObject({
      code: 'ENVIRONMENT_UNKNOWN',
      hint: expect.stringContaining(environment),
    })
  })

  test('keep secrets by version, and a release records the versions it was made with', async () => {
    await parts.engine.secrets.set(ada, key(), 'API_KEY', 'first value')
    const first = await serve()
    await parts.engine.secrets.set(ada, key(), 'API_KEY', 'second value')
    const second = await serve()
    expect((await parts.engine.releases.get(first.release ?? '')).record.secrets).toEqual({ API_KEY: 1 })
    expect((await parts.engine.releases.get(second.release ?? '')).record.secrets).toEqual({ API_KEY: 2 })
    expect(second.differences).toContain('secret API_KEY: version 1 → version 2')
    await parts.engine.secrets.remove(ada, key(), 'API_KEY')
    expect(await parts.engine.secrets.list(key())).toEqual([])
    expect(await eventsOf('secret.set', 'secret.removed')).toEqual([
      { type: 'secret.set', data: { name: 'API_KEY', version: 1, actor: ada } },
      { type: 'secret.set', data: { name: 'API_KEY', version: 2, actor: ada } },
      { type: 'secret.removed', data: { name: 'API_KEY', version: 3, actor: ada } },
    ])
  })

  test('say who acted: the actor by his name, and what his client called him beside it', async () => {
    const labelled = { ...ada, label: 'Ada L.' }
    const first = await finished((await engine.start(engine.order(), { actor: labelled })).id)
    expect(first.by).toBe('ada (Ada L.)')
    await parts.engine.environments.hold(labelled, key(), 'wait')
    await parts.engine.environments.hold(ada, key(), 'off')
    expect(await eventsOf('deployment.created', 'environment.hold')).toEqual([
      { type: 'deployment.created', data: expect.objectContaining({ actor: labelled, by: 'ada (Ada L.)' }) },
      { type: 'environment.hold', data: expect.objectContaining({ actor: labelled, mode: 'wait' }) },
      { type: 'environment.hold', data: expect.objectContaining({ actor: ada, mode: 'off' }) },
    ])
  })

  test('show no secret in logs and failures, whichever version of it, set or removed', async () => {
    await serve()
    await parts.engine.secrets.set(ada, key(), 'API_KEY', 'first value')
    await parts.engine.secrets.set(ada, key(), 'API_KEY', 'second value')
    await parts.engine.secrets.remove(ada, key(), 'API_KEY')
    target.logLines = ['key=first value', 'key=second value', 'nothing']
    const query = { environment: key(), tail: 10, follow: false, signal: AbortSignal.timeout(10_000) }
    const lines: string[] = []
    for await (const { line } of parts.engine.environments.logs(query)) lines.push(line)
    expect(lines).toEqual(['key=••••••', 'key=••••••', 'nothing'])
    const details = { exitCode: 1, logTail: ['no such key: first value'] }
    target.failNext('scale', new SluiceError('INSTANCE_CRASHED', 'exit code 1', { details }))
    const { reason } = await finished((await deploy()).id)
    expect(reason?.details).toMatchObject({ exitCode: 1, logTail: ['no such key: ••••••'] })
  })

  test('come before the first deployment, and looking for them makes no environment', async () => {
    expect(await parts.engine.secrets.list('later.production')).toEqual([])
    await expect(parts.engine.secrets.set(ada, 'nowhere', 'A', 'b')).rejects.toMatchObject({
      code: 'ENVIRONMENT_UNKNOWN',
    })
    await expect(parts.engine.environments.get('later.production')).rejects.toMatchObject({
      code: 'ENVIRONMENT_UNKNOWN',
    })
    await parts.engine.secrets.set(ada, 'later.production', 'A', 'b')
    expect(await parts.engine.secrets.list('later.production')).toMatchObject([{ name: 'A', version: 1 }])
  })

  test('refuse secrets that Sluice would override', async () => {
    for (const name of ['PORT', 'SLUICE_RELEASE'])
      await expect(parts.engine.secrets.set(ada, key(), name, 'value')).rejects.toMatchObject({ code: 'USAGE' })
  })
})
