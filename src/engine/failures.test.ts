import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { SluiceError } from '../model/error.ts'
import { findActivity, insertActivity } from '../store/activities.ts'
import { acquireLease } from '../store/leases.ts'
import { fastClock } from './testing/fast-clock.ts'
import { scriptedJudge } from './testing/scripted-judge.ts'
import { type TestEngine, testEngine } from './testing/test-engine.ts'

/** Every failure has a message of its own, with what to do about it, and says what users saw. */

let engine: TestEngine
beforeEach(() => engine.renew())
afterAll(() => engine?.remove())
beforeAll(async () => {
  engine = await testEngine({ judge: scriptedJudge(), clock: fastClock(20) })
})

test.each([
  ['BUILD_FAILED', 'npm run build failed with exit code 1', 'read its output'],
  ['DISK_FULL', 'no space left below /srv', 'free some space'],
] as const)('a deployment that cannot be built (%s) says why and touches nothing', async (code, message, hint) => {
  const from = engine.target.orders.length
  engine.failNextBuild(new SluiceError(code, message, { hint }))
  expect(await engine.finished((await engine.deploy()).id)).toMatchObject({
    state: 'failed',
    reason: { code, message, hint },
  })
  expect(engine.target.orders.slice(from)).toEqual([])
})

test('a deployment that finds the disk full at launch leaves the old release serving', async () => {
  const first = await engine.serve()
  engine.target.failNext('scale', new SluiceError('DISK_FULL', 'the disk is full', { hint: 'free some space' }))
  expect(await engine.finished((await engine.deploy()).id)).toMatchObject({
    state: 'failed',
    urls: first.urls,
    reason: { code: 'DISK_FULL', hint: 'free some space' },
  })
  expect(engine.target.splitOf(engine.key())).toMatchObject({ base: first.release })
})

test('what a program prints makes no record impossible: NUL and half a character are shown as what they are', async () => {
  const first = await engine.serve()
  const details = { logTail: ['a\0b', `cut \ud83d`, 'whole 😀'] }
  engine.target.failNext('scale', new SluiceError('INSTANCE_CRASHED', 'exit \0 code', { details }))
  expect(await engine.finished((await engine.deploy()).id)).toMatchObject({
    state: 'failed',
    reason: { message: 'exit \ufffd code', details: { logTail: ['a\ufffdb', 'cut \ufffd', 'whole 😀'] } },
  })
  expect(engine.target.splitOf(engine.key())).toMatchObject({ base: first.release })
})

test('an old fleet that does not go makes no deployment fail, is told, and goes with the next one', async () => {
  const first = await engine.serve()
  engine.target.failNext('retire', new SluiceError('DEADLINE_EXCEEDED', 'it does not stop'))
  const second = await engine.finished((await engine.deploy()).id)
  expect(second).toMatchObject({
    state: 'succeeded',
    reason: { code: 'DEADLINE_EXCEEDED', message: expect.stringContaining('could not be taken away') },
  })
  expect(engine.target.releasesRunning(engine.key())).toEqual([first.release, second.release])
  const third = await engine.serve()
  expect(third.reason).toBeNull()
  expect(engine.target.releasesRunning(engine.key())).toEqual([third.release])
})

test('a new fleet that cannot be removed holds nobody up, and goes with the next deployment', async () => {
  await engine.serve()
  engine.target.failNext('scale', new SluiceError('INSTANCE_NEVER_READY', 'it never became ready'))
  engine.target.failNext('retire', new SluiceError('DEADLINE_EXCEEDED', 'it does not stop'))
  const failed = await engine.finished((await engine.deploy()).id)
  expect(failed).toMatchObject({
    state: 'failed',
    reason: { code: 'INSTANCE_NEVER_READY', hint: expect.stringContaining('it does not stop') },
  })
  const next = await engine.serve()
  expect(engine.target.releasesRunning(engine.key())).toEqual([next.release])
})

test('a deployment whose work ended without an outcome is ended at the next start, and holds nobody up', async () => {
  const { id } = await engine.serve()
  const { database, pool } = engine.store
  // The outcome is written a moment before the work on it has ended.
  const status = 'select status from dbos.workflow_status where workflow_uuid = $1'
  await expect
    .poll(async () => (await pool.query(status, [id])).rows, { timeout: 40_000 })
    .toEqual([{ status: 'SUCCESS' }])
  await database.updateTable('activities').set({ state: 'waiting', finished_at: null }).where('id', '=', id).execute()
  await database.updateTable('environments').set({ lease_holder: id }).where('key', '=', engine.key()).execute()
  await engine.parts.shutdown()
  await engine.parts.launch()
  expect(await engine.finished(id)).toMatchObject({
    state: 'failed',
    reason: { code: 'UNEXPECTED', message: expect.stringContaining('ended while it was waiting') },
  })
  await engine.serve()
})

test('a deployment whose edge does not answer is taken back', async () => {
  const first = await engine.serve()
  const failure = new SluiceError('EDGE_UNREACHABLE', 'no edge answers', { hint: 'see `sluice doctor`' })
  engine.target.failNext('shift', failure)
  const deployment = await engine.finished((await engine.deploy({ name: 'blue-green' })).id)
  expect(deployment).toMatchObject({
    state: 'rolled-back',
    reason: { code: 'EDGE_UNREACHABLE', hint: 'see `sluice doctor`' },
  })
  expect(engine.target.splitOf(engine.key())).toMatchObject({ base: first.release, weight: 0 })
})

test('a deployment that is not seen answering on the public route has not succeeded', async () => {
  const first = await engine.serve()
  engine.target.publicAnswer = { status: 200, release: null, detail: '200 from the router' }
  const { id } = await engine.deploy({ name: 'blue-green' })
  const failed = await engine.until(id, ({ steps }) => steps.some(({ state }) => state === 'failed'))
  engine.target.publicAnswer = undefined
  expect(failed.steps.find(({ state }) => state === 'failed')).toMatchObject({
    name: 'serving',
    detail: expect.stringContaining('was not seen answering on its public route: 200 from the router'),
  })
  expect(await engine.finished(id)).toMatchObject({ state: 'rolled-back', reason: { code: 'EDGE_UNREACHABLE' } })
  expect(engine.target.splitOf(engine.key())).toMatchObject({ base: first.release, weight: 0 })
})

test('a deployment that is the first and fails with users on it says that nothing serves now', async () => {
  engine.target.failNext('shift', new SluiceError('EDGE_UNREACHABLE', 'no edge answers'))
  expect(await engine.finished((await engine.deploy()).id)).toMatchObject({
    state: 'rolled-back',
    reason: { hint: expect.stringContaining('there is nothing to go back to, so nothing serves now') },
  })
})

test('work of another kind that needs nothing neither waits for deployments nor holds them up, nor does one unknown here', async () => {
  const first = await engine.serve()
  const { row } = await insertActivity(engine.store.database, {
    id: 'x1',
    kind: { name: 'made-up', needs: 'nothing' },
    environment: engine.key(),
    state: 'busy',
    request: {},
    requestedBy: 'test',
    idempotencyKey: null,
  })
  let launching = () => {}
  const launched = new Promise<void>((resolve) => (launching = resolve))
  let go = () => {}
  const mayGo = new Promise<void>((resolve) => (go = resolve))
  engine.target.beforeScale = () => (launching(), mayGo)
  const { id } = await engine.deploy()
  await launched
  expect(await acquireLease(engine.store.database, row)).toMatchObject({ lease: { activity: 'x1' } })
  go()
  expect(await engine.finished(id)).toMatchObject({ state: 'succeeded', previousRelease: first.release })

  await engine.parts.shutdown()
  await engine.parts.launch()
  await engine.serve()
  expect(await findActivity(engine.store.database, 'x1')).toMatchObject({ state: 'busy', finished_at: null })
})
