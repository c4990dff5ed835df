import { expect, test } from 'vitest'
import { durationMs, durationPattern, shareOf, sizeBytes, sizePattern } from './units.ts'

test('a duration is the sum of its parts, in milliseconds', () => {
  expect(['500ms', '90s', '10m', '48h', '7d', '1h30m', '1.5s', '0s'].map(durationMs)).toEqual([
    500, 90_000, 600_000, 172_800_000, 604_800_000, 5_400_000, 1500, 0,
  ])
})

test('a duration without a unit, or with one of another kind, is none', () => {
  for (const text of ['', '90', 's', '90 s', '10min', '-5s', '1h 30m'])
    expect(durationPattern.test(text), text).toBe(false)
})

test('sizes are decimal, or binary where they say so', () => {
  expect(['64kB', '512MB', '2 GiB', '1.5MB', '10B', '1KiB'].map(sizeBytes)).toEqual([
    64_000, 512_000_000, 2_147_483_648, 1_500_000, 10, 1024,
  ])
  for (const text of ['512', '512M', 'MB', '5 mb', '-1kB']) expect(sizePattern.test(text), text).toBe(false)
})

test('a share is a number or a percentage', () => {
  expect([shareOf(0.25), shareOf('25%'), shareOf('0.5%')]).toEqual([0.25, 0.25, 0.005])
})
