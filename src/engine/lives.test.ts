import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { canMove } from '../model/deployment.ts'
import { ada } from '../model/testing/ada.ts'
import { lives } from './lives.ts'
import { type ScriptedJudge, scriptedJudge } from './testing/scripted-judge.ts'
import { type TestEngine, testEngine } from './testing/test-engine.ts'
import type { Flow, Workflows } from './workflows/workflows.ts'

describe.each(Object.entries(lives))('the phases of a %s', (_kind, phases) => {
  test('show states that follow each other', () => {
    const states = [...new Set(phases.map(({ state }) => state))]
    const broken = states.flatMap((state, index) => {
      const next = states[index + 1]
      return next === undefined || canMove(state, next) ? [] : [`${state} → ${next}`]
    })
    expect(broken).toEqual([])
  })

  test('take back traffic first, and then what it led to', () => {
    const undone = phases.toReversed().flatMap((phase) => (phase.takeBack === undefined ? [] : [phase.name]))
    expect(undone).toEqual(['shift', 'launch'])
  })
})

test('only what must not be cut off in the middle is asked to stop', () => {
  const asked = new Set(Object.values(lives).flatMap((phases) => phases.filter((phase) => phase.interrupt !== 'now')))
  expect([...new Set([...asked].map(({ name }) => name))]).toEqual(['migrate', 'settle'])
})

describe('the durable steps, which runs of versions before remember by name and order', () => {
  let engine: TestEngine
  let judge: ScriptedJudge
  const steps = new Map<string, string[]>()
  /** Writes down what a run does, in order. */
  const recorded = (workflows: Workflows): Workflows => ({
    ...workflows,
    register: <Input>(name: string, body: (flow: Flow, input: Input) => Promise<void>) =>
      workflows.register<Input>(name, (flow, input) => {
        const own: string[] = []
        steps.set(String(input), own)
        const step: typeof flow.step = (stepName, run) => {
          own.push(stepName)
          return flow.step(stepName, run)
        }
        return body({ ...flow, step }, input)
      }),
  })
  beforeAll(async () => {
    judge = scriptedJudge()
    engine = await testEngine({ judge, decorateWorkflows: recorded })
  })
  beforeEach(() => {
    engine.renew()
    judge.say({ action: 'promote', weight: 1 })
  })
  afterAll(() => engine?.remove())

  const begin = ['prepare: build', 'prepare: record', 'admit', 'plan', 'expand']

  test('of a deployment', async () => {
    const { id } = await engine.serve()
    expect(steps.get(id)).toEqual([...begin, 'launch', 'shift to 100 %', 'serving', 'settle'])
    const canary = await engine.serve({ name: 'canary' })
    expect(steps.get(canary.id)).toEqual([...begin, 'launch', 'ramp', 'serving', 'bake', 'settle'])
    const { id: checked } = await engine.finished((await engine.deploy({ name: 'blue-green', smoke: ['/health'] })).id)
    expect(steps.get(checked)?.slice(begin.length, begin.length + 2)).toEqual(['launch', 'smoke'])
    const { id: rolling } = await engine.serve({ name: 'rolling', surge: 0 })
    expect(steps.get(rolling)).toEqual([
      ...begin,
      'shrink',
      'launch',
      'shift to 100 %',
      'shrink 2',
      'launch 2',
      'serving',
      'settle',
    ])
  })

  test('of one that is taken back', async () => {
    await engine.serve()
    judge.say({ action: 'roll-back', weight: 0 })
    const { id } = await engine.finished((await engine.deploy({ name: 'canary' })).id)
    expect(steps.get(id)).toEqual([...begin, 'launch', 'ramp', 'assess', 'compensate'])
  })

  test('of a rollback', async () => {
    await engine.serve()
    await engine.serve()
    const { id } = await engine.parts.engine.deployments.rollback(ada, { environment: engine.key() })
    await engine.finished(id)
    expect(steps.get(id)).toEqual([
      'wait for the running deployment',
      'admit',
      'plan',
      'launch',
      'shift to 100 %',
      'serving',
      'hold',
      'settle',
    ])
  })
})
