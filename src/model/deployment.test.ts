import { expect, test } from 'vitest'
import {
  canBeTakenBack,
  canMove,
  type DeploymentState,
  deploymentStates,
  hasUsers,
  holdsLease,
  isMoving,
  isOutcome,
  mayBeSuperseded,
  outcomes,
  phaseName,
} from './deployment.ts'

const where = (holds: (state: DeploymentState) => boolean) => deploymentStates.filter(holds)

test('a deployment that users may have met can be taken back, and nothing else can', () => {
  expect(where(canBeTakenBack)).toEqual(['shifting', 'baking'])
  expect(where(hasUsers)).toEqual(['shifting', 'baking', 'settling'])
  expect(where(isMoving)).toEqual(['shifting', 'baking', 'compensating'])
})

test('what no user saw may be superseded, a migration included', () => {
  expect(where(mayBeSuperseded)).toEqual(['queued', 'preparing', 'waiting', 'migrating', 'launching'])
  for (const state of where(mayBeSuperseded)) expect(canMove(state, 'superseded')).toBe(true)
})

test('a bake holds nobody up', () => {
  expect(where(holdsLease)).toEqual(['waiting', 'migrating', 'launching', 'shifting', 'settling', 'compensating'])
})

test('a migration lies between admission and launch, and need not be', () => {
  expect(canMove('waiting', 'migrating')).toBe(true)
  expect(canMove('migrating', 'launching')).toBe(true)
  expect(canMove('waiting', 'launching')).toBe(true)
  expect(canMove('migrating', 'shifting')).toBe(false)
})

test('outcomes are where no time passes and nothing follows, and every state leads to one', () => {
  expect(outcomes).toEqual(['succeeded', 'failed', 'rolled-back', 'rollback-failed', 'cancelled', 'superseded'])
  expect(where((state) => phaseName(state) === null)).toEqual(outcomes)
  for (const state of deploymentStates) {
    const next = where((other) => other !== state && canMove(state, other))
    expect(next.length === 0).toBe(isOutcome(state))
  }
})
