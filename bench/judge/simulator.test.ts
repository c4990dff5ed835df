import { describe, expect, test } from 'vitest'
import { createFeed } from './feed.ts'
import { judgeNamed } from './judges/registry.ts'
import { latencyShape } from './latencies.ts'
import { random } from './random.ts'
import type { Scenario } from './scenario.ts'
import { simulate } from './simulate.ts'
import { summarise } from './summary.ts'
import { createWorld, EPOCH } from './world.ts'

const scenario: Scenario = {
  id: 'test',
  seconds: 400,
  requestsPerSecond: 100,
  instances: 20,
  reactionSeconds: 5,
  old: { errorRate: 0.001 },
  new: { errorRate: 0.05 },
  noise: [],
  policy: 'default',
}
const sluice = judgeNamed('sluice')
const total = (samples: readonly { requests: number; bad: number }[], of: 'requests' | 'bad') =>
  samples.reduce((sum, sample) => sum + sample[of], 0)

describe('chance', () => {
  test('Poisson counts have the right mean and variance, small and large', () => {
    const draw = random(3, 4)
    for (const mean of [0.3, 5, 11.9, 12.1, 60, 900]) {
      const values = Array.from({ length: 20_000 }, () => draw.poisson(mean))
      const average = values.reduce((a, b) => a + b, 0) / values.length
      const variance = values.reduce((a, b) => a + (b - average) ** 2, 0) / values.length
      expect(Math.abs(average - mean)).toBeLessThan(5 * Math.sqrt(mean / values.length))
      expect(Math.abs(variance / mean - 1)).toBeLessThan(0.06)
    }
  })

  test('geometric clusters have the right mean', () => {
    const draw = random(1, 1)
    const values = Array.from({ length: 20_000 }, () => draw.geometric(4))
    expect(Math.min(...values)).toBe(1)
    expect(values.reduce((a, b) => a + b, 0) / values.length).toBeCloseTo(4, 0)
  })

  test('latency shares add up to one and shift with the factor', () => {
    const sum = (shares: readonly number[]) => shares.reduce((a, b) => a + b, 0)
    const base = latencyShape({})
    const slow = latencyShape({ factor: 2 })
    expect(sum(base.shares)).toBeCloseTo(1, 9)
    for (let i = 0; i < 60; i++) expect(slow.shares[i + 8]).toBeCloseTo(base.shares[i] ?? 0, 6)
  })
})

describe('the world', () => {
  test('gives each release its share of the instances, at least one', () => {
    const world = createWorld(scenario, random(1, 1))
    const fleets = (weight: number) => {
      const { old, new: fresh } = world.second(0, weight)
      return [old.instances.length, fresh.instances.length]
    }
    expect(fleets(0.001)).toEqual([19, 1])
    expect(fleets(0.25)).toEqual([15, 5])
    expect(fleets(1)).toEqual([1, 20])
    const tiny = createWorld({ ...scenario, instances: 1 }, random(1, 1)).second(0, 0.5)
    expect([tiny.old.instances.length, tiny.new.instances.length]).toEqual([1, 1])
  })

  test('splits requests by weight and fails them at the stated rates from the stated second on', () => {
    const world = createWorld(
      { ...scenario, requestsPerSecond: 1000, new: { errorRate: 0.3, fromSecond: 100 } },
      random(1, 1),
    )
    const seconds = Array.from({ length: 200 }, (_, s) => world.second(s, 0.25))
    const sumOf = (from: number, release: 'old' | 'new', of: 'requests' | 'bad') =>
      seconds.slice(from, from + 100).reduce((sum, second) => sum + total(second[release].samples, of), 0)
    expect(sumOf(0, 'new', 'requests') / 25_000).toBeCloseTo(1, 1)
    expect(sumOf(0, 'old', 'requests') / 75_000).toBeCloseTo(1, 1)
    expect(sumOf(0, 'new', 'bad') / sumOf(0, 'new', 'requests')).toBeLessThan(0.003)
    expect(sumOf(100, 'new', 'bad') / sumOf(100, 'new', 'requests')).toBeCloseTo(0.3, 1)
    expect(sumOf(100, 'old', 'bad') / sumOf(100, 'old', 'requests')).toBeLessThan(0.003)
  })

  test('has a history of half an hour of the old release alone, without the drift to come', () => {
    const world = createWorld({ ...scenario, noise: [{ type: 'common-drift', factor: 100 }] }, random(1, 1))
    const { samples, instances } = world.history()
    expect(instances).toHaveLength(20)
    expect(total(samples, 'requests') / 180_000).toBeCloseTo(1, 1)
    expect(total(samples, 'bad') / total(samples, 'requests')).toBeLessThan(0.002)
    expect(Math.min(...samples.map(({ from }) => from))).toBe(EPOCH - 1800)
    expect(Math.max(...samples.map(({ from, seconds }) => from + seconds))).toBe(EPOCH)
    const late = world.second(1000, 0.5)
    expect(total(late.old.samples, 'bad')).toBeGreaterThan(0)
  })

  test('lets retries come in clusters and common outages hit both releases', () => {
    const clustered = createWorld({ ...scenario, noise: [{ type: 'retry-clusters', mean: 4 }] }, random(1, 1)).history()
    expect(total(clustered.samples, 'bad') / total(clustered.samples, 'requests')).toBeCloseTo(0.004, 3)
    const noise = [{ type: 'common-outage', rate: 0.5, seconds: 1e9, everySeconds: 1 }] as const
    const out = createWorld({ ...scenario, requestsPerSecond: 1000, new: {}, noise }, random(1, 1)).second(0, 0.5)
    for (const { samples } of [out.old, out.new]) {
      expect(total(samples, 'bad') / total(samples, 'requests')).toBeCloseTo(0.5, 0)
    }
  })

  test('replaces an instance by a fresh one with a name of its own', () => {
    const world = createWorld(scenario, random(1, 1))
    world.second(0, 0.1)
    world.replace(['new-0'])
    expect(world.second(1, 0.1).new.instances).toEqual(['new-0.1', 'new-1'])
  })
})

describe('one machine, where fleets keep their size', () => {
  const small = { ...scenario, instances: 4, fullFleets: true, historySeconds: 60 }

  test('runs all instances of both releases at any weight, after a short history', () => {
    const world = createWorld(small, random(1, 1))
    expect(Math.min(...world.history().samples.map(({ from }) => from))).toBe(EPOCH - 60)
    const { old, new: fresh } = world.second(0, 0.001)
    expect([old.instances.length, fresh.instances.length]).toEqual([4, 4])
  })

  test('finds the one bad instance, replaces it and promotes the release', () => {
    const oneBad = { ...small, seconds: 900, new: { errorRate: 0.3, oneInstance: true } }
    const summary = summarise(
      oneBad,
      'sluice',
      Array.from({ length: 20 }, (_, run) => simulate(sluice, oneBad, 1, run)),
    )
    expect(summary.promoted).toBeGreaterThan(0.9)
  })
})

describe('a simulated rollout', () => {
  test('is the same for the same seed and run, and another one for another', () => {
    expect(simulate(sluice, scenario, 7, 3)).toEqual(simulate(sluice, scenario, 7, 3))
    expect(simulate(sluice, scenario, 7, 3)).not.toEqual(simulate(sluice, scenario, 7, 4))
    expect(simulate(sluice, scenario, 7, 3)).not.toEqual(simulate(sluice, scenario, 8, 3))
  })

  test('finds a release that fails 5 % with few failed requests', () => {
    const results = Array.from({ length: 40 }, (_, run) => simulate(sluice, scenario, 1, run))
    const summary = summarise(scenario, 'sluice', results)
    expect(summary.rolledBack).toBe(1)
    expect(summary.failedRequests.mean).toBeLessThan(9)
    expect(summary.protectedSeconds.within120).toBe(1)
    expect(summary.broken).toBe(0)
  })

  test('brings a healthy release to all traffic within 310 s', () => {
    const healthy = { ...scenario, new: {} }
    const summary = summarise(
      healthy,
      'sluice',
      Array.from({ length: 20 }, (_, run) => simulate(sluice, healthy, 1, run)),
    )
    expect(summary.rolledBack).toBe(0)
    expect(summary.promotedSeconds.median).toBeLessThanOrEqual(310)
  })

  test('counts what never happened as one second more than the horizon, and times from the onset too', () => {
    const never = { ...scenario, seconds: 60, new: { errorRate: 0.05, fromSecond: 59 } }
    const summary = summarise(never, 'alarm', [simulate(judgeNamed('alarm'), never, 1, 0)])
    expect(summary.rollbackSeconds).toEqual({ median: 61, within300: 1 })
    expect(summary.promotedSeconds.median).toBe(61)
    expect(summary.rollbackSecondsAfterOnset.median).toBe(61)
  })
})

describe('figures that come late', () => {
  const feed = (given: Partial<Scenario>, runs: number) => {
    const late: Scenario = { ...scenario, seconds: 18_000, untilPromoted: true, ...given }
    return summarise(
      late,
      'sluice',
      Array.from({ length: runs }, (_, run) => simulate(sluice, late, 2, run)),
    )
  }
  const tenLate = { sampleLagSeconds: 10 }
  const byTheMinute = { sampleSeconds: 60, sampleLagSeconds: 120 }

  test.each([
    ['10 s', 0.05, tenLate, 9],
    ['10 s', 0.5, tenLate, 16],
    ['120 s, by the minute,', 0.05, byTheMinute, 20],
    ['120 s, by the minute,', 0.5, byTheMinute, 30],
    ['120 s, by the minute and by release only,', 0.05, { ...byTheMinute, perInstance: false }, 20],
  ])('by %s let a release that fails %d be found with few failed requests', (_, errorRate, late, most) => {
    const summary = feed({ ...late, new: { errorRate } }, 12)
    expect(summary.rolledBack).toBe(1)
    expect(summary.failedRequests.mean).toBeLessThanOrEqual(most)
    expect(summary.broken).toBe(0)
  })

  test('by 10 s hold a healthy release up by hardly more than that', () => {
    const summary = feed({ ...tenLate, new: {} }, 12)
    expect(summary).toMatchObject({ promoted: 1, asked: 0, rolledBack: 0 })
    expect(summary.promotedSeconds.median).toBeLessThanOrEqual(330)
  })

  test('by 120 s and by the minute have a healthy release promoted in every run, and nobody asked', () => {
    expect(feed({ ...byTheMinute, new: {} }, 6)).toMatchObject({ promoted: 1, asked: 0, rolledBack: 0 })
  })

  test('leave no request out, whatever the block', () => {
    const samples = (sampleSeconds: number, sampleLagSeconds: number) => {
      const world = createWorld(scenario, random(1, 1))
      const late = createFeed({ ...scenario, sampleSeconds, sampleLagSeconds }, world.history().samples, EPOCH, 3)
      const inTime = Array.from({ length: 600 }, (_, s) =>
        late.pass(s, s < 300 ? world.second(s, 0.25) : nothing),
      ).flatMap(({ old, new: fresh }) => [...old.samples, ...fresh.samples])
      return [...late.history, ...inTime]
    }
    const nothing = { old: { samples: [], instances: [] }, new: { samples: [], instances: [] } }
    const [atOnce, byMinute] = [samples(1, 0), samples(60, 120)]
    expect(byMinute.every(({ seconds, weight }) => seconds === 60 && weight === undefined)).toBe(true)
    for (const of of ['requests', 'bad'] as const) expect(total(byMinute, of)).toBe(total(atOnce, of))
  })
})
