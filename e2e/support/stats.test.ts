import { expect, test } from 'vitest'
import { median, percentile, spread } from './stats.ts'

test('a median of an even count lies between the middle values', () => {
  expect(median([4, 1, 3, 2])).toBe(2.5)
  expect(median([5, 1, 9])).toBe(5)
  expect(median([])).toBeNaN()
})

test('a percentile is a value that was measured', () => {
  const values = Array.from({ length: 1000 }, (_, index) => index + 1)
  expect(percentile(values, 0.99)).toBe(990)
  expect(percentile(values, 0.999)).toBe(999)
  expect(percentile([7], 0.5)).toBe(7)
  expect(spread(values)).toMatchObject({ count: 1000, min: 1, p50: 500, p99: 990, p999: 999, max: 1000 })
})
