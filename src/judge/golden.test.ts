import { expect, test } from 'vitest'
import { dropBet } from './business-test.ts'
import { addFastBlock, chooseBets, LOG_FAST_COUNT, levelBets } from './fast-test.ts'
import { twoSampleBet } from './latency-test.ts'
import { logSumExp } from './numbers.ts'
import { chernoffUpper } from './old-rate.ts'
import { riskWeight, upperBound } from './ramp.ts'
import { robustIncrements } from './robust-test.ts'

const DIGITS = 6
const old = { rate: 0.001, ceiling: 0.0025 }

function fastSequence(blocks: readonly (readonly [Y: number, N: number, K: number, w: number])[]): number[] {
  const bets = levelBets(old)
  const state = { fortunes: Array.from({ length: 12 }, () => 0), restarts: 0, nextRestart: 0 }
  return blocks.map(([badNew, requestsNew, badAll, weight]) => {
    const mask = chooseBets(weight, old.rate, bets, true)
    addFastBlock(state, { badNew, requestsNew, badAll, weight }, mask, bets)
    return logSumExp(state.fortunes) - LOG_FAST_COUNT
  })
}

function expectClose(seen: readonly number[], golden: readonly number[]): void {
  expect(seen).toHaveLength(golden.length)
  for (const [i, value] of golden.entries()) expect(seen[i]).toBeCloseTo(value, DIGITS)
}

test('G1: the fast test at a small weight gives the published evidence after every block', () => {
  const seen = fastSequence([
    [1, 20, 1, 0.05],
    [1, 20, 2, 0.05],
    [0, 20, 1, 0.05],
  ])
  expectClose(seen, [1.757834, 3.226228, 2.443893])
})

test('G2: the fast test at half the traffic gives the published evidence after every block', () => {
  const seen = fastSequence([
    [3, 100, 3, 0.5],
    [0, 100, 0, 0.5],
  ])
  expectClose(seen, [3.315975, 1.616351])
})

test('G3: the robust test gives the published evidence after every cell', () => {
  const sums = Array.from({ length: 12 }, () => 0)
  const seen = [
    { badNew: 3, badAll: 4, share: 0.05 },
    { badNew: 3, badAll: 3, share: 0.05 },
    { badNew: 0, badAll: 2, share: 0.05 },
  ].map((cell) => {
    for (const [j, gain] of robustIncrements(cell, 1.5, Math.log(200) / 3).entries()) sums[j] = (sums[j] ?? 0) + gain
    return logSumExp(sums) - LOG_FAST_COUNT
  })
  expectClose(seen, [1.675522, 3.399108, 2.512805])
})

test('G4: the latency bet gives the published evidence', () => {
  expect(twoSampleBet({ slowNew: 9, new: 100, slowOld: 10, old: 200 }, 0.05, 2)).toBeCloseTo(0.847298, DIGITS)
})

test('G5: the drop bets give the published evidence', () => {
  expect(dropBet(0, 10, 0.5, 0)).toBeCloseTo(6.931472, DIGITS)
  expect(dropBet(4, 10, 0.5, 0.7)).toBeCloseTo(0.19849, DIGITS)
})

test('G6: the upper bounds are the published ones', () => {
  expect(upperBound(0, 100, 0.1)).toBeCloseTo(0.05047, DIGITS)
  expect(upperBound(3, 1000, 0.1)).toBeCloseTo(0.01344, DIGITS)
  expect(chernoffUpper(180, 180_000, 0.05)).toBeCloseTo(0.001194, DIGITS)
})

test('G7: the ramp starts and grows as published', () => {
  const weight = (upper: number) =>
    riskWeight({ upper, rateNow: 0.001, requestsPerSecond: 100, reactionSeconds: 5, budget: 3 })
  expect(weight(1)).toBeCloseTo(0.006006, DIGITS)
  expect(weight(upperBound(0, 100, 0.1))).toBeCloseTo(0.121286, DIGITS)
})
