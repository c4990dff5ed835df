import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { ada } from '../model/testing/ada.ts'
import { jsonb } from '../store/jsonb.ts'
import { listMessages } from '../store/messages.ts'
import type { Deployment } from './engine.ts'
import { type ScriptedJudge, scriptedJudge } from './testing/scripted-judge.ts'
import { type TestEngine, testEngine } from './testing/test-engine.ts'

let engine: TestEngine
let judge: ScriptedJudge
beforeAll(async () => {
  judge = scriptedJudge()
  engine = await testEngine({ judge })
})
beforeEach(() => {
  engine.renew()
  judge.say({ action: 'promote', weight: 1 })
})
afterAll(() => engine?.remove())

const rollback = (release?: string | null) =>
  engine.parts.engine.deployments.rollback(ada, {
    environment: engine.key(),
    ...(release == null ? {} : { release }),
  })
const deployments = async () =>
  (await engine.parts.engine.deployments.list({ environment: engine.key(), limit: 20 })).items.map(({ id }) => id)

/** A canary with a tenth of the users, which goes on until it is told otherwise. */
async function canary(): Promise<Deployment> {
  judge.say({ action: 'hold', weight: 0.1 })
  const { id } = await engine.deploy({ name: 'canary' })
  return engine.until(id, ({ weight }) => weight > 0)
}

/** Refused with this code, and nobody was told anything. */
async function expectRefused(code: string, release?: string | null): Promise<void> {
  const before = await deployments()
  const [running] = before
  const orders = engine.target.orders.length
  await expect(rollback(release)).rejects.toMatchObject({ code, hint: expect.stringContaining('othing was touched') })
  expect(await deployments()).toEqual(before)
  expect(await listMessages(engine.store.database, running ?? '')).toEqual([])
  expect(engine.target.orders.length).toBe(orders)
}

async function rollBackFrom({ id }: Deployment): Promise<void> {
  const { id: back } = await rollback()
  expect(await engine.finished(back)).toMatchObject({ state: 'succeeded' })
  expect(await engine.finished(id)).toMatchObject({ state: 'rolled-back' })
}

test('a rollback is refused when nothing served before', async () => {
  await engine.serve()
  expect(await engine.parts.engine.deployments.checkRollback(engine.key())).toMatchObject({ possible: false })
  await expectRefused('NOTHING_TO_ROLL_BACK_TO')
})

test('to a release that is not there is refused, and the deployment that is under way goes on', async () => {
  await engine.serve()
  const running = await canary()
  await expect(rollback('r99999')).rejects.toMatchObject({ code: 'RELEASE_UNKNOWN' })
  expect(await listMessages(engine.store.database, running.id)).toEqual([])
  await rollBackFrom(running)
})

test('to a release whose artifact was pruned is refused before the running deployment hears of it', async () => {
  const first = await engine.serve()
  await engine.serve()
  const running = await canary()
  engine.loseArtifacts()
  await expectRefused('ARTIFACT_MISSING', first.release)
  // The release before is warm: its artifact is not needed.
  await rollBackFrom(running)
})

test('to a release whose secrets cannot be read any more is refused', async () => {
  await engine.parts.engine.secrets.set(ada, engine.key(), 'API_KEY', 'value')
  await engine.serve()
  await engine.serve()
  await engine.store.database.deleteFrom('secrets').where('environment', '=', engine.key()).execute()
  await expectRefused('SECRET_MISSING')
})

test('to a release that does not work with the present schema is refused', async () => {
  const first = await engine.serve()
  const second = await engine.serve()
  for (const [{ release }, range] of [
    [first, { min: 1, max: 3 }],
    [second, { min: 4, max: 4 }],
  ] as const) {
    const { record } = await engine.parts.engine.releases.get(release ?? '')
    await engine.store.database
      .updateTable('releases')
      .set({ record: jsonb({ ...record, schema: range }) })
      .where('id', '=', release ?? '')
      .execute()
  }
  await expectRefused('ROLLBACK_UNSAFE')
})

test('never goes to a release that was taken back, unless it is named', async () => {
  const first = await engine.serve()
  const bad = await canary()
  await rollBackFrom(bad)
  judge.say({ action: 'promote', weight: 1 })
  const third = await engine.serve()
  const { id } = await rollback()
  expect(await engine.finished(id)).toMatchObject({ state: 'succeeded', release: first.release })
  // Neither the canary nor the one that was just left comes into question.
  await expectRefused('NOTHING_TO_ROLL_BACK_TO')
  const named = await engine.finished((await rollback(third.release)).id)
  expect(named).toMatchObject({ state: 'succeeded', release: third.release })
})

test('goes to the release that served last, also when that had been gone back to', async () => {
  const first = await engine.serve()
  await engine.serve()
  await engine.serve()
  await engine.finished((await rollback(first.release)).id)
  await engine.serve()
  const { id } = await rollback()
  expect(await engine.finished(id)).toMatchObject({ state: 'succeeded', release: first.release })
})

test('asked for twice with one key is one rollback, also when there is nothing left to go back to', async () => {
  await engine.serve()
  await engine.serve()
  const request = { environment: engine.key(), idempotencyKey: `back in ${engine.key()}` }
  const first = await engine.parts.engine.deployments.rollback(ada, request)
  await engine.finished(first.id)
  expect(await engine.parts.engine.deployments.rollback(ada, request)).toMatchObject({ id: first.id })
})
