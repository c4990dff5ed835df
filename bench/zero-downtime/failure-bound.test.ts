import { expect, test } from 'vitest'
import { failureBound } from './failure-bound.ts'

test('no failure at all bounds the share by three by the count', () => {
  expect(failureBound(0, 300_000) * 300_000).toBeCloseTo(2.9957, 3)
  expect(failureBound(0, 1)).toBeCloseTo(0.95, 6)
})

test('bounds of other counts are those of the tables', () => {
  expect(failureBound(1, 10)).toBeCloseTo(0.3942, 4)
  expect(failureBound(5, 100)).toBeCloseTo(0.1023, 4)
  expect(failureBound(3, 300_000) * 300_000).toBeCloseTo(7.7537, 3)
  expect([failureBound(7, 7), failureBound(0, 0)]).toEqual([1, 1])
})
