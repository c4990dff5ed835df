import { expect, test } from 'vitest'
import type { DeploymentState } from '../../model/deployment.ts'
import { SluiceError } from '../../model/error.ts'
import { oneWriter } from './one-writer.ts'
import { type AdmissionFacts, askRules, go, type OtherDeployment, type Rule } from './rule.ts'
import { schema } from './schema.ts'

const now = new Date('2026-01-01T12:00:00Z')

const other = (state: DeploymentState, change: Partial<OtherDeployment> = {}): OtherDeployment => ({
  id: 'd85',
  ordinal: '85',
  state,
  strategy: 'canary',
  weight: 0.5,
  created_at: new Date('2026-01-01T11:43:00Z'),
  ...change,
})

const facts = (change: Partial<AdmissionFacts> = {}): AdmissionFacts => ({
  self: { id: 'd86', ordinal: '86', kind: 'deploy' },
  others: [],
  coming: null,
  serving: null,
  now,
  ...change,
})

const reasonFor = (found: OtherDeployment) => {
  const answer = oneWriter.check(facts({ others: [found] }))
  return 'wait' in answer ? answer.wait.reason : answer
}

test('one writer: whoever moves traffic is waited for, and it is said what he does and for how long', () => {
  expect(reasonFor(other('shifting'))).toBe('waits for d85 (canary at 50 %, for 17 min)')
  expect(reasonFor(other('baking'))).toBe('waits for d85 (its bake was ended, for 17 min)')
  expect(reasonFor(other('compensating', { created_at: now }))).toBe('waits for d85 (takes its traffic back)')
  for (const state of ['queued', 'preparing', 'waiting', 'migrating', 'launching', 'settling'] as const)
    expect(reasonFor(other(state))).toEqual(go)
})

test('one writer: a deployment gives way to a newer one that was admitted; a rollback to nobody', () => {
  const newer = other('launching', { id: 'd87', ordinal: '87' })
  expect(oneWriter.check(facts({ others: [newer] }))).toMatchObject({ refuse: { code: 'SUPERSEDED' } })
  expect(oneWriter.check(facts({ others: [{ ...newer, state: 'preparing' }] }))).toEqual(go)
  const self = { id: 'd86', ordinal: '86', kind: 'rollback' } as const
  expect(oneWriter.check(facts({ self, others: [newer] }))).toEqual(go)
})

test('schema: two releases that no version does for never serve side by side; where one says nothing, all goes', () => {
  const between = (one: readonly [number, number] | null, two: readonly [number, number] | null) => {
    const range = (pair: readonly [number, number] | null) => pair && { min: pair[0], max: pair[1] }
    return schema.check(facts({ coming: { id: 'r2', schema: range(one) }, serving: { id: 'r1', schema: range(two) } }))
  }
  expect(between([3, 4], [1, 3])).toEqual(go)
  expect(between([1, 9], [4, 5])).toEqual(go)
  expect(between(null, [1, 3])).toEqual(go)
  expect(between([4, 4], [1, 3])).toMatchObject({
    refuse: { code: 'STATE_CONFLICT', message: expect.stringContaining('r2') },
  })
  expect(schema.check(facts({ coming: { id: 'r1', schema: { min: 1, max: 1 } } }))).toEqual(go)
})

test('of several rules a refusal counts more than a wait, and a wait more than a go', () => {
  const says = (answer: ReturnType<Rule['check']>): Rule => ({ name: 'says', check: () => answer })
  const wait = { wait: { reason: 'until tomorrow', until: null } }
  const refuse = { refuse: new SluiceError('STATE_CONFLICT', 'never') }
  expect(askRules([says(go), says(wait), says(refuse)], facts())).toBe(refuse)
  expect(askRules([says(go), says(wait)], facts())).toBe(wait)
  expect(askRules([], facts())).toEqual(go)
})
