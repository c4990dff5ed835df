import { expect, test } from 'vitest'
import { ordersFor } from './holds.ts'

test('a restart orders exactly what holds, and lets nothing through on the way', () => {
  const services = ['web', 'api']
  expect(ordersFor([], services)).toEqual([{ mode: 'off' }])
  expect(ordersFor([{ mode: 'wait' }, { service: 'web', mode: 'off' }], services)).toEqual([
    { mode: 'wait' },
    { service: 'web', mode: 'off' },
  ])
  // No order for all: it would end a hold for a moment, or begin one.
  expect(ordersFor([{ service: 'api', mode: 'maintenance' }], services)).toEqual([
    { service: 'web', mode: 'off' },
    { service: 'api', mode: 'maintenance' },
  ])
})
