import { describe, expect, test } from 'vitest'
import { dispersion, winsorLimit } from './dispersion.ts'
import type { History } from './judge.ts'
import { learnLatency } from './latency-baseline.ts'
import { toleratedShift } from './latency-test.ts'
import { chernoffUpper, exceeds, learnOldRate, relearnOldRate } from './old-rate.ts'
import { policyFrom, presets } from './policy.ts'
import { requestsUntil, riskWeight, scarcity, upperBound, weightCap } from './ramp.ts'
import { addToRatio, ratioInterval, startRatioSequence } from './ratio-sequence.ts'
import { addRequests, routingEvidence, startRoutingGuard } from './routing-guard.ts'
import { addSuspect, eject, ejectable, fadeSuspects, isEjected, startSuspects, suspectInstances } from './suspects.ts'
import { sampleOf, seeded } from './testing/traffic.ts'
import { count, percent, seconds, times } from './words.ts'

describe('dispersion', () => {
  const rows = (make: (i: number, block: number) => number) =>
    Array.from({ length: 180 }, (_, block) => Array.from({ length: 10 }, (_, i) => make(i, block)))

  test('is about 1 for independent failures, also when all instances fail together now and then', () => {
    const random = seeded(3)
    const coin = (p: number) =>
      Array.from({ length: 20 }, () => (random() < p ? 1 : 0)).reduce((a: number, b) => a + b, 0)
    expect(dispersion(rows(() => coin(0.05)))).toBeLessThan(1.15)
    expect(dispersion(rows((_, block) => coin(block % 20 === 0 ? 0.5 : 0.02)))).toBeLessThan(1.15)
  })

  test('grows when failures come in clumps on one instance', () => {
    const random = seeded(4)
    expect(dispersion(rows(() => (random() < 0.1 ? 3 : 0)))).toBeGreaterThan(2)
  })

  test('is 1 for a fleet of one, which shows no spread', () => {
    expect(dispersion([[5], [0], [9]])).toBe(1)
    expect(dispersion([])).toBe(1)
  })

  test('lets no instance count more than three times the usual', () => {
    expect(winsorLimit([0, 0, 0, 90])).toBe(3)
    expect(winsorLimit([4, 4, 4, 90])).toBe(12)
  })
})

describe('what the old release is trusted with', () => {
  test('a ceiling of 1 % while little is known, a tight one after a clean half hour', () => {
    expect(learnOldRate(0, 100)).toMatchObject({ ceiling: 0.01 })
    expect(learnOldRate(180, 180_000).ceiling).toBeCloseTo(2 * chernoffUpper(180, 180_000, 0.05), 9)
    expect(learnOldRate(0, 180_000)).toEqual({ rate: 2e-4, ceiling: 2e-4 })
  })

  test('a common incident raises both, nothing lowers them', () => {
    const known = learnOldRate(180, 180_000)
    const raised = relearnOldRate(known, 1000, 10_000)
    expect(raised.rate).toBeGreaterThan(0.09)
    expect(raised.ceiling).toBeGreaterThan(0.15)
    expect(relearnOldRate(raised, 0, 10_000)).toEqual(raised)
    expect(relearnOldRate(known, 100, 200).ceiling).toBe(known.ceiling)
  })

  test('it exceeds a ceiling only when that is sure', () => {
    expect(exceeds(3, 100, 0.01)).toBe(false)
    expect(exceeds(30, 1000, 0.01)).toBe(true)
    expect(exceeds(0, 0, 0.01)).toBe(false)
  })
})

describe('the ramp', () => {
  test('bounds a failure rate from above, more tightly with more requests', () => {
    expect(upperBound(0, 0, 0.1)).toBe(1)
    expect(upperBound(5, 5, 0.1)).toBe(1)
    expect(upperBound(0, 1000, 0.1)).toBeLessThan(upperBound(0, 100, 0.1))
    expect(upperBound(1, 100, 0.1)).toBeGreaterThan(upperBound(0, 100, 0.1))
  })

  test('risks less with a slower reaction, more traffic or a smaller budget', () => {
    const base = { upper: 0.2, rateNow: 0.001, requestsPerSecond: 100, reactionSeconds: 2, budget: 3 }
    const weight = riskWeight(base)
    expect(riskWeight({ ...base, reactionSeconds: 4 })).toBeCloseTo(weight / 2, 9)
    expect(riskWeight({ ...base, requestsPerSecond: 200 })).toBeCloseTo(weight / 2, 9)
    expect(riskWeight({ ...base, budget: 1 })).toBeCloseTo(weight / 3, 9)
  })

  test('shows scarce traffic a large share at once', () => {
    expect(scarcity(100, 5, 3)).toBe('none')
    expect(scarcity(1, 5, 3)).toBe('low')
    expect(scarcity(0.1, 5, 3)).toBe('very-low')
    expect(weightCap(0, 300, 'none')).toBe(0.25)
    expect(weightCap(120, 300, 'none')).toBe(0.5)
    expect(weightCap(0, 300, 'very-low')).toBe(0.5)
  })

  test('says about how many requests the evidence gate still needs', () => {
    const needed = requestsUntil(0.011, { from: 0, requests: 0, bad: 0 })
    expect(needed).toBeGreaterThan(450)
    expect(needed).toBeLessThan(650)
    expect(upperBound(0, needed, 0.1)).toBeLessThan(0.0115)
    expect(requestsUntil(0.011, { from: 0, requests: 100, bad: 60 })).toBeGreaterThan(1000)
  })
})

describe('the confidence sequence of the risk ratio', () => {
  test('says nothing without failures, then narrows around the truth', () => {
    const likelihood = startRatioSequence()
    expect(ratioInterval(likelihood)).toBeNull()
    // Ten times the risk at a quarter of the traffic: 10/13 of the failures are the new release's.
    for (let i = 0; i < 60; i++) addToRatio(likelihood, i % 13 < 10 ? 1 : 0, 1, 0.25)
    const interval = ratioInterval(likelihood)
    expect(interval?.low).toBeGreaterThan(2)
    expect(interval?.low).toBeLessThan(10)
    expect(interval?.high).toBeGreaterThan(10)
    addToRatio(likelihood, 5, 5, 1)
    expect(ratioInterval(likelihood)).toEqual(interval)
  })
})

describe('the routing guard', () => {
  test('stays quiet while traffic is split as stated, and speaks up when it is not', () => {
    const honest = startRoutingGuard()
    const wrong = startRoutingGuard()
    for (let s = 0; s < 120; s++) {
      addRequests(honest, 25, 100, 0.25, true)
      addRequests(wrong, 12, 100, 0.25, true)
    }
    expect(routingEvidence(honest)).toBeLessThan(0)
    expect(routingEvidence(wrong)).toBeGreaterThan(Math.log(1e4))
  })

  test('forgives the clumps of whole visitors', () => {
    const guard = startRoutingGuard()
    // Every ten seconds one visitor of the new release asks forty times.
    for (let s = 0; s < 300; s++) addRequests(guard, s % 10 === 0 ? 40 : 1, 20, 0.1, false)
    expect(routingEvidence(guard)).toBeLessThan(Math.log(1e4))
  })
})

describe('latency tolerance', () => {
  test('is counted in buckets of an eighth of a doubling', () => {
    expect([0.09, 0.19, 0.3].map((tolerance) => toleratedShift(tolerance, 0, 4))).toEqual([1, 2, 3])
  })

  test('is raised when instances differ, less so with many of them', () => {
    expect(toleratedShift(0.09, 0.2, 1)).toBeGreaterThan(4)
    expect(toleratedShift(0.09, 0.2, 16)).toBeLessThan(toleratedShift(0.09, 0.2, 1))
  })

  test('learns thresholds and the spread between instances from the history', () => {
    const history = (spread: number): History => {
      const random = seeded(9)
      const samples = Array.from({ length: 1800 / 10 }, (_, block) =>
        ['a', 'b', 'c', 'd'].map((instance, i) => {
          const latency: Record<number, number> = {}
          for (let k = 0; k < 60; k++) {
            const bucket = 50 + Math.floor(random() * 16) + spread * i
            latency[bucket] = (latency[bucket] ?? 0) + 1
          }
          return { ...sampleOf(block * 10, 'old', instance, 0, 60, 0, 10), latency }
        }),
      ).flat()
      return { samples, instances: ['a', 'b', 'c', 'd'] }
    }
    const even = learnLatency(history(0))
    expect(even?.buckets[0]).toBeGreaterThanOrEqual(56)
    expect(even?.buckets).toEqual([...(even?.buckets ?? [])].sort((a, b) => a - b))
    expect(even?.instanceSpread).toBeLessThan(0.03)
    expect(learnLatency(history(2))?.instanceSpread).toBeGreaterThan(0.15)
    expect(learnLatency({ samples: [], instances: [] })).toBeNull()
  })
})

describe('suspect instances', () => {
  test('are ejected only when chance hardly explains that all failures sit on one', () => {
    const suspects = startSuspects(0)
    const live = ['a', 'b', 'c', 'd']
    for (const id of live) addSuspect(suspects, id, 0, 100)
    addSuspect(suspects, 'a', 5, 0)
    expect(ejectable(suspects, live, 0)).toBeNull()
    addSuspect(suspects, 'a', 3, 0)
    expect(ejectable(suspects, live, 0)).toBe('a')
    addSuspect(suspects, 'b', 4, 100)
    expect(ejectable(suspects, live, 0)).toBeNull()
  })

  test('are not ejected because a neighbour that has just started did not fail yet', () => {
    const suspects = startSuspects(0)
    addSuspect(suspects, 'a', 60, 110)
    addSuspect(suspects, 'b', 0, 6)
    expect(ejectable(suspects, ['a', 'b'], 0)).toBeNull()
    addSuspect(suspects, 'b', 0, 100)
    expect(ejectable(suspects, ['a', 'b'], 0)).toBe('a')
  })

  test('do not count while they are being replaced, and no more than two are excused', () => {
    const suspects = startSuspects(0)
    eject(suspects, 'a', 100)
    expect(isEjected(suspects, 'a', 99)).toBe(false)
    expect(isEjected(suspects, 'a', 101)).toBe(true)
    expect(isEjected(suspects, 'a', 200)).toBe(false)
    eject(suspects, 'b', 101)
    addSuspect(suspects, 'c', 50, 100)
    expect(ejectable(suspects, ['c', 'd', 'e'], 102)).toBeNull()
  })

  test('are replaced before a second look on a single failure, and never where failures sit on several', () => {
    const suspects = startSuspects(0)
    addSuspect(suspects, 'a', 1, 100)
    expect(suspectInstances(suspects, ['a', 'b'])).toEqual(['a'])
    addSuspect(suspects, 'b', 1, 100)
    expect(suspectInstances(suspects, ['a', 'b'])).toEqual([])
  })

  test('fade with time, and a fleet of one is always suspect', () => {
    const suspects = startSuspects(0)
    addSuspect(suspects, 'a', 1, 100)
    for (let s = 10; s <= 30; s += 10) fadeSuspects(suspects, s)
    expect(suspects.bad).toEqual({})
    expect(suspectInstances(suspects, ['only'])).toEqual(['only'])
    expect(suspectInstances(suspects, ['a', 'b'])).toEqual([])
  })
})

describe('policies', () => {
  test('are a preset and what differs from it', () => {
    expect(policyFrom()).toMatchObject({ preset: 'balanced', observeSeconds: 300, riskBudget: 3, mode: 'ramp' })
    expect(policyFrom({ preset: 'careful', observeSeconds: 60 })).toMatchObject({
      observeSeconds: 60,
      riskBudget: 1,
      metrics: { errors: true, latencyTolerance: 0.09 },
    })
    expect(policyFrom({ metrics: { latency: false } }).metrics).toMatchObject({ latency: false, business: true })
    expect(presets.fast.observeSeconds).toBeLessThan(presets.balanced.observeSeconds)
    expect(JSON.parse(JSON.stringify(policyFrom()))).toEqual(policyFrom())
  })
})

describe('words', () => {
  test('give figures as people read them', () => {
    expect([0, 12, 999, 1000, 3907, 1_234_567].map(count)).toEqual(['0', '12', '999', '1,000', '3,907', '1,234,567'])
    expect([0.0042, 0.05, 0.25, 0.00021, 1].map(percent)).toEqual(['0.42 %', '5 %', '25 %', '0.021 %', '100 %'])
    expect([6.1, 41, 0.04].map(seconds)).toEqual(['6.1 s', '41 s', '0 s'])
    expect([Math.log(12), Math.log(4321), 99].map(times)).toEqual(['12', '4,300', 'more than a million'])
  })
})
