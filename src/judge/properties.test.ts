import { describe, expect, test } from 'vitest'
import { dropBet, dropRatios } from './business-test.ts'
import { winsorLimit } from './dispersion.ts'
import { addFastBlock, chooseBets, fastRatios, labelBet, levelBets, startFastTest } from './fast-test.ts'
import { twoSampleBet } from './latency-test.ts'
import { divergence, logGamma } from './numbers.ts'
import { robustIncrements } from './robust-test.ts'

/** Room for rounding in sums of exponentials. */
const ONE = 1 + 1e-9
const shares = [0, 0.002, 0.05, 0.25, 0.5, 0.9, 1] as const
const sizes = [1, 2, 7, 30, 60] as const

function logChoose(n: number, k: number): number {
  return logGamma(n + 1) - logGamma(k + 1) - logGamma(n - k + 1)
}

function binomial(n: number, k: number, p: number): number {
  if (p === 0) return k === 0 ? 1 : 0
  if (p === 1) return k === n ? 1 : 0
  return Math.exp(logChoose(n, k) + k * Math.log(p) + (n - k) * Math.log(1 - p))
}

function expectation(n: number, probability: (y: number) => number, logBet: (y: number) => number): number {
  let sum = 0
  for (let y = 0; y <= n; y++) {
    const p = probability(y)
    if (p > 0) sum += p * Math.exp(logBet(y))
  }
  return sum
}

describe('no bet wins on average when the new release is no worse (exact enumeration)', () => {
  test('label bets, when each failure belongs to the new release with probability w', () => {
    for (const w of shares) {
      for (const all of sizes) {
        for (const ratio of fastRatios) {
          const e = expectation(
            all,
            (y) => binomial(all, y, w),
            (y) => labelBet(y, all, w, ratio),
          )
          expect(e).toBeLessThanOrEqual(ONE)
        }
      }
    }
  })

  test('label bets by observed shares, when failures fall on requests without replacement', () => {
    for (const total of [10, 40, 60]) {
      for (const ofNew of [1, Math.floor(total / 4), Math.floor(total / 2), total - 1]) {
        for (const all of [1, 3, Math.floor(total / 2)]) {
          const hyper = (y: number) =>
            y > ofNew || all - y > total - ofNew
              ? 0
              : Math.exp(logChoose(ofNew, y) + logChoose(total - ofNew, all - y) - logChoose(total, all))
          for (const ratio of fastRatios) {
            expect(expectation(all, hyper, (y) => labelBet(y, all, ofNew / total, ratio))).toBeLessThanOrEqual(ONE)
          }
        }
      }
    }
  })

  test('label bets with a tolerance, for every ratio up to it', () => {
    for (const tolerated of [1.2, 1.5, 3]) {
      for (const truth of [0.5, 1, tolerated]) {
        for (const w of [0.01, 0.25, 0.5]) {
          const share = (w * truth) / (1 - w + w * truth)
          for (const ratio of fastRatios) {
            const e = expectation(
              40,
              (y) => binomial(40, y, share),
              (y) => labelBet(y, 40, w, ratio, tolerated),
            )
            expect(e).toBeLessThanOrEqual(ONE)
          }
        }
      }
    }
  })

  test('level bets, for every rate up to the ceiling', () => {
    const bets = levelBets({ rate: 0.001, ceiling: 0.0025 })
    for (const q of [0, 0.001, 0.0025]) {
      for (const n of sizes) {
        for (let j = 0; j < fastRatios.length; j++) {
          if ((bets.gain[j] ?? 0) === 0) continue
          const bet = (y: number) => y * (bets.failed[j] ?? 0) + (n - y) * (bets.fine[j] ?? 0)
          expect(expectation(n, (y) => binomial(n, y, q), bet)).toBeLessThanOrEqual(ONE)
        }
      }
    }
  })

  test('two-sample bets, for 300 values of the common share, however wrong the assumed one is', () => {
    for (const [fresh, old] of [
      [5, 20],
      [30, 30],
      [10, 50],
    ] as const) {
      for (const [assumed, odds] of [
        [0.5, 1.4],
        [0.1, 2],
        [0.01, 8],
      ] as const) {
        for (let i = 1; i <= 300; i++) {
          const p = i / 301
          let e = 0
          for (let a = 0; a <= fresh; a++) {
            for (let b = 0; b <= old; b++) {
              const bet = twoSampleBet({ slowNew: a, new: fresh, slowOld: b, old }, assumed, odds)
              e += binomial(fresh, a, p) * binomial(old, b, p) * Math.exp(bet)
            }
          }
          expect(e).toBeLessThanOrEqual(ONE)
        }
      }
    }
  })

  test('tempered bets, when failures come in clumps of up to φ that share a release', () => {
    for (const phi of [1, 2, 4]) {
      for (let clump = 1; clump <= phi; clump++) {
        for (const w of [0.05, 0.25, 0.5]) {
          for (let j = 0; j < fastRatios.length; j++) {
            const e = expectation(
              10,
              (y) => binomial(10, y, w),
              (y) =>
                robustIncrements({ badNew: y * clump, badAll: 10 * clump, share: w }, phi, Number.POSITIVE_INFINITY)[
                  j
                ] ?? 0,
            )
            expect(e).toBeLessThanOrEqual(ONE)
          }
        }
      }
    }
  })

  test('winsorised bets, when any of the instances may have been the new ones', () => {
    for (const counts of [
      [0, 0, 9, 1],
      [3, 4, 2, 40, 1, 0],
      [12, 0, 0, 0, 0],
    ]) {
      const m = counts.length
      const limit = winsorLimit(counts)
      const capped = counts.map((x) => Math.min(x, limit))
      const all = capped.reduce((a, b) => a + b, 0)
      for (let ofNew = 1; ofNew < m; ofNew++) {
        const phi = Math.max(...capped, 1)
        for (let j = 0; j < fastRatios.length; j++) {
          let sum = 0
          let ways = 0
          for (let mask = 0; mask < 1 << m; mask++) {
            const chosen = capped.filter((_, i) => (mask >> i) & 1)
            if (chosen.length !== ofNew) continue
            const badNew = chosen.reduce((a, b) => a + b, 0)
            sum += Math.exp(robustIncrements({ badNew, badAll: all, share: ofNew / m }, phi, Math.log(200) / 3)[j] ?? 0)
            ways += 1
          }
          expect(sum / ways).toBeLessThanOrEqual(ONE)
        }
      }
    }
  })

  test('drop bets, for every share of conversions that is at least what is to be kept', () => {
    for (const kept of [1, 0.9]) {
      for (const truth of [kept, 1, 1.3]) {
        for (const w of [0.05, 0.25, 0.5]) {
          const share = (w * truth) / (1 - w + w * truth)
          for (const ratio of dropRatios) {
            const e = expectation(
              30,
              (y) => binomial(30, y, share),
              (y) => dropBet(y, 30, w, ratio, kept),
            )
            expect(e).toBeLessThanOrEqual(ONE)
          }
        }
      }
    }
  })
})

describe('the fast test', () => {
  const old = { rate: 0.001, ceiling: 0.0025 }
  const bets = levelBets(old)
  const fortunesAfter = (blocks: readonly (readonly [number, number, number, number])[], mask = 0) => {
    const state = startFastTest(0)
    for (const [badNew, requestsNew, badAll, weight] of blocks) {
      addFastBlock(state, { badNew, requestsNew, badAll, weight }, mask, bets)
    }
    return state.fortunes
  }

  test('does not care whether a block comes in one part or in two', () => {
    const whole = fortunesAfter([[3, 50, 7, 0.2]])
    const parts = fortunesAfter([
      [1, 20, 4, 0.2],
      [2, 30, 3, 0.2],
    ])
    for (const [j, fortune] of whole.entries()) expect(parts[j]).toBeCloseTo(fortune, 10)
  })

  test('learns nothing from requests before the rollout, or from seconds without failures', () => {
    const before = startFastTest(0).fortunes
    expect(fortunesAfter([[0, 0, 5, 0]])).toEqual(before)
    expect(fortunesAfter([[0, 40, 0, 0.3]])).toEqual(before)
  })

  test('finds the new release the more suspect the more of the failures are its own', () => {
    const levels = chooseBets(1, old.rate, bets, true)
    for (const mask of [0, levels]) {
      for (let y = 0; y < 6; y++) {
        const less = fortunesAfter([[y, 50, 6, 0.2]], mask)
        const more = fortunesAfter([[y + 1, 50, 6, 0.2]], mask)
        for (const [j, fortune] of less.entries()) expect(more[j]).toBeGreaterThan(fortune)
      }
    }
  })

  test('gives numbers at every edge', () => {
    for (const weight of [0, 1e-6, 0.5, 1]) {
      for (const [y, n, k] of [
        [0, 0, 0],
        [0, 10, 0],
        [10, 10, 10],
        [0, 0, 10],
      ] as const) {
        for (const mask of [0, chooseBets(weight, old.rate, bets, true), 0xfff]) {
          expect(fortunesAfter([[y, n, k, weight]], mask).every(Number.isFinite)).toBe(true)
        }
      }
    }
    expect(dropBet(3, 5, 0.5, 0)).toBeLessThan(-100)
    expect(Number.isFinite(dropBet(0, 5, 1, 0.5))).toBe(true)
    expect(divergence(0, 0.1)).toBeCloseTo(-Math.log(0.9), 12)
  })

  test('bets on the level only at full weight, and never while the old release is above its ceiling', () => {
    const believed = fastRatios.reduce(
      (mask, ratio, j) => (ratio * old.rate > 1.3 * old.ceiling ? mask | (1 << j) : mask),
      0,
    )
    expect(chooseBets(1, old.rate, bets, true)).toBe(believed)
    expect(chooseBets(1, old.rate, bets, false)).toBe(0)
  })
})
