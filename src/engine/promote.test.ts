import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { ada } from '../model/testing/ada.ts'
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

const promote = () => engine.parts.engine.deployments.promote(ada, engine.key())

test('a canary that a person promotes has all traffic at once, and its verdict says what nobody knew', async () => {
  await engine.serve()
  const reasons = [{ test: 'ramp', text: 'needs 4,000 requests more' }]
  judge.say({ action: 'hold', weight: 0.1, reasons })
  const { id } = await engine.deploy({ name: 'canary', bakeSeconds: 600 })
  await engine.until(id, ({ weight }) => weight === 0.1)
  const asked = await promote()
  expect(asked).toMatchObject({
    deployment: { id },
    unknown: [expect.stringContaining('requests of the new release were seen'), 'needs 4,000 requests more'],
  })
  // The bake that follows is a wait of its own.
  const baking = await engine.until(id, ({ state }) => state === 'baking')
  expect(baking).toMatchObject({
    weight: 1,
    verdict: { action: 'promote', conclusive: false, summary: expect.stringContaining('promoted by ada') },
  })
  expect(baking.verdict?.summary).toContain('needs 4,000 requests more')
  await engine.until(id, ({ steps }) => steps.some(({ name, state }) => name === 'bake' && state === 'running'))
  let ended = await engine.parts.engine.deployments.get(id)
  while (ended.running && ended.state === 'baking') {
    // Until its judgement has begun there is nothing to say about it.
    await promote().catch((error: unknown) => expect(error).toMatchObject({ code: 'STATE_CONFLICT' }))
    ended = await engine.parts.engine.deployments.get(id)
  }
  ended = await engine.finished(id)
  expect(ended).toMatchObject({ state: 'succeeded', verdict: { conclusive: false } })
  expect(ended.verdict?.summary).toMatch(/promoted by ada .*needs 4,000.*then promoted by ada .* s that were left/s)
})

test('a promotion does not hold against a judge that takes the release back', async () => {
  await engine.serve()
  judge.say({ action: 'hold', weight: 0.1 })
  const { id } = await engine.deploy({ name: 'canary' })
  await engine.until(id, ({ weight }) => weight === 0.1)
  judge.say({ action: 'roll-back', weight: 0 })
  await promote()
  expect(await engine.finished(id)).toMatchObject({ state: 'rolled-back' })
})

test('where nothing waits there is nothing to promote', async () => {
  await engine.serve()
  await expect(promote()).rejects.toMatchObject({ code: 'STATE_CONFLICT', hint: expect.stringContaining('status') })
})
