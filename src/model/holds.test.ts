import { expect, test } from 'vitest'
import { type Hold, heldServices, withHold } from './holds.ts'

const after = (...orders: readonly Hold[]) => orders.reduce<readonly Hold[]>(withHold, [])

test('a hold of one service leaves the others, and its end too', () => {
  const both = after({ service: 'web', mode: 'wait' }, { service: 'api', mode: 'maintenance' })
  expect(heldServices(both, ['web', 'api', 'docs'])).toEqual([
    { service: 'web', mode: 'wait' },
    { service: 'api', mode: 'maintenance' },
  ])
  expect(withHold(both, { service: 'web', mode: 'off' })).toEqual([{ service: 'api', mode: 'maintenance' }])
})

test('of services that are all held one may serve, and the others stay held', () => {
  const most = after({ service: 'api', mode: 'maintenance' }, { mode: 'wait' }, { service: 'web', mode: 'off' })
  expect(heldServices(most, ['web', 'api', 'docs'])).toEqual([
    { service: 'api', mode: 'wait' },
    { service: 'docs', mode: 'wait' },
  ])
  expect(heldServices(withHold(most, { service: 'web', mode: 'wait' }), ['web', 'api'])).toHaveLength(2)
})

test('an order for all replaces every other', () => {
  const before = [
    { service: 'web', mode: 'wait' },
    { service: 'api', mode: 'wait' },
  ] as const
  expect(after(...before, { mode: 'maintenance' })).toEqual([{ mode: 'maintenance' }])
  expect(after(...before, { mode: 'off' })).toEqual([])
  expect(after({ service: 'web', mode: 'off' })).toEqual([])
})
