import type { ConversionCount, FleetInput, History } from '../../src/judge/index.ts'
import type { Sample } from '../../src/model/sample.ts'
import { drawLatencies, type LatencyShape, latencyShape } from './latencies.ts'
import type { Random } from './random.ts'
import type { Scenario } from './scenario.ts'
import { type InstanceTrouble, type TroubleMaker, troubleMaker } from './trouble.ts'

/** Unix second of the rollout's second 0; any will do. */
export const EPOCH = 1_800_000_000
const MOST_HISTORY_SECONDS = 1800
/** The one that is bad alone in a scenario with `oneInstance`. */
const FIRST = 'new-0'
const BLOCK_SECONDS = 10
const noClasses = {}

/** What happened in one second of a simulated rollout. */
export interface WorldSecond {
  readonly old: FleetInput
  readonly new: FleetInput
  readonly failedNew: number
  readonly requestsNew: number
  readonly conversions: readonly ConversionCount[]
}

/** Two fleets behind a router, failing by chance and by noise. */
export interface World {
  history(): History
  /** One second at this weight. */
  second(second: number, weight: number): WorldSecond
  /** Named instances of the new release are replaced by fresh ones. */
  replace(ids: readonly string[]): void
}

export function createWorld(scenario: Scenario, random: Random): World {
  const trouble = troubleMaker(scenario, random)
  const { instances, requestsPerSecond, fullFleets = false } = scenario
  const oldPool = Array.from({ length: instances }, (_, i) => trouble.instance(`old-${i}`))
  const newPool: InstanceTrouble[] = []
  const common = { factor: 1, out: false }
  const shapes = latencyShapes(scenario)
  let replaced = 0
  const extra = (scenario.new.errorRate ?? scenario.old.errorRate) - scenario.old.errorRate

  return {
    history: () => makeHistory(scenario, random, trouble, oldPool, shapes),
    second: (second, weight) => {
      const newCount = Math.min(Math.max(1, Math.round(instances * weight)), Math.max(1, instances - 1))
      const liveNew = weight >= 1 || fullFleets ? Math.max(1, instances) : newCount
      const oldCount = fullFleets ? Math.max(1, instances) : Math.max(1, instances - liveNew)
      while (newPool.length < liveNew) newPool.push(trouble.instance(`new-${newPool.length}`))
      const old = oldPool.slice(0, oldCount)
      const fresh = newPool.slice(0, liveNew)
      trouble.advance(common, old, second)
      trouble.advance(quiet, fresh, -1)
      const add = second >= (scenario.new.fromSecond ?? 0) ? extra : 0
      const seen = { old: [] as Sample[], new: [] as Sample[] }
      let failedNew = 0
      let requestsNew = 0
      const draw = (release: 'old' | 'new', live: readonly InstanceTrouble[], share: number) => {
        const mean = (requestsPerSecond * share) / live.length
        for (const instance of live) {
          const base = trouble.probability(scenario.old.errorRate, common, instance)
          const isSound = scenario.new.oneInstance === true && instance.id !== FIRST
          const p = release === 'new' && !isSound ? Math.min(1, Math.max(0, base + add)) : base
          const hit = random.poisson(mean * p)
          const bad = trouble.clusters(hit)
          const requests = random.poisson(mean * (1 - p)) + bad
          if (release === 'new') {
            failedNew += bad
            requestsNew += requests
          }
          if (requests === 0) continue
          seen[release].push(sampleOf(second, 1, release, instance.id, weight, requests, bad))
        }
        if (shapes !== null && share > 0) {
          addLatencies(
            seen[release],
            shapes[release],
            live,
            second,
            1,
            release,
            weight,
            requestsPerSecond * share,
            random,
          )
        }
      }
      if (weight < 1) draw('old', old, 1 - weight)
      if (weight > 0) draw('new', fresh, weight)
      return {
        old: { samples: seen.old, instances: old.map(({ id }) => id) },
        new: { samples: seen.new, instances: fresh.map(({ id }) => id) },
        failedNew,
        requestsNew,
        conversions: drawConversions(scenario, second, weight, random),
      }
    },
    replace: (ids) => {
      for (const [i, instance] of newPool.entries()) {
        if (!ids.includes(instance.id)) continue
        replaced += 1
        newPool[i] = trouble.instance(`new-${i}.${replaced}`)
      }
    },
  }
}

/** Stands in for the common trouble when only instances are moved on. */
const quiet = { factor: 1, out: false }

interface Shapes {
  readonly old: (instance: InstanceTrouble | null) => LatencyShape
  readonly new: (instance: InstanceTrouble | null) => LatencyShape
}

function latencyShapes(scenario: Scenario): Shapes | null {
  const { latency } = scenario
  if (latency === undefined) return null
  const perInstance = scenario.noise.some(({ type }) => type === 'instance-latency')
  const cached = (change: typeof latency) => {
    const pooled = latencyShape(change)
    const own = new Map<InstanceTrouble, LatencyShape>()
    return (instance: InstanceTrouble | null) => {
      if (instance === null || !perInstance) return pooled
      let shape = own.get(instance)
      if (shape === undefined) own.set(instance, (shape = latencyShape(change, instance.latencyFactor)))
      return shape
    }
  }
  return { old: cached({}), new: cached(latency) }
}

function addLatencies(
  samples: Sample[],
  shapeOf: (instance: InstanceTrouble | null) => LatencyShape,
  live: readonly InstanceTrouble[],
  from: number,
  seconds: number,
  release: 'old' | 'new',
  weight: number,
  requests: number,
  random: Random,
): void {
  for (const instance of live) {
    const latency = drawLatencies(shapeOf(instance), requests / live.length, random)
    if (latency === undefined) continue
    samples.push({ ...sampleOf(from, seconds, release, instance.id, weight, 0, 0), latency })
  }
}

function sampleOf(
  from: number,
  seconds: number,
  release: string,
  instance: string,
  weight: number,
  requests: number,
  bad: number,
): Sample {
  return {
    from: EPOCH + from,
    seconds,
    service: 'web',
    release,
    instance,
    weight,
    requests,
    bad,
    statusClasses: noClasses,
  }
}

/** Half an hour of the old release alone, unless the scenario has less, in blocks of 10 s: a sum of Poisson counts is Poisson of the summed rate. */
function makeHistory(
  scenario: Scenario,
  random: Random,
  trouble: TroubleMaker,
  pool: readonly InstanceTrouble[],
  shapes: Shapes | null,
): History {
  const samples: Sample[] = []
  const mean = scenario.requestsPerSecond / pool.length
  const common = { factor: 1, out: false }
  const sums = new Float64Array(pool.length)
  const length = Math.min(MOST_HISTORY_SECONDS, scenario.historySeconds ?? MOST_HISTORY_SECONDS)
  for (let from = -Math.round(length / BLOCK_SECONDS) * BLOCK_SECONDS; from < 0; from += BLOCK_SECONDS) {
    sums.fill(0)
    for (let s = 0; s < (trouble.changes ? BLOCK_SECONDS : 1); s++) {
      // Second -1: drift has not begun.
      trouble.advance(common, pool, -1)
      for (let i = 0; i < pool.length; i++) {
        const instance = pool[i]
        if (instance !== undefined)
          sums[i] = (sums[i] ?? 0) + trouble.probability(scenario.old.errorRate, common, instance)
      }
    }
    const scale = trouble.changes ? mean : mean * BLOCK_SECONDS
    for (let i = 0; i < pool.length; i++) {
      const expected = scale * (sums[i] ?? 0)
      const bad = trouble.clusters(random.poisson(expected))
      const requests = random.poisson(Math.max(0, mean * BLOCK_SECONDS - expected)) + bad
      if (requests > 0) samples.push(sampleOf(from, BLOCK_SECONDS, 'old', pool[i]?.id ?? '', 0, requests, bad))
    }
    if (shapes !== null) {
      addLatencies(samples, shapes.old, pool, from, BLOCK_SECONDS, 'old', 0, mean * BLOCK_SECONDS * pool.length, random)
    }
  }
  return { samples, instances: pool.map(({ id }) => id) }
}

function drawConversions(scenario: Scenario, second: number, weight: number, random: Random): ConversionCount[] {
  const { conversions, requestsPerSecond } = scenario
  if (conversions === undefined) return []
  const all = requestsPerSecond * conversions.rate
  const ofOld = random.poisson(all * (1 - weight))
  const ofNew = random.poisson(all * weight * (1 - conversions.drop))
  return [
    { from: EPOCH + second, release: 'old' as const, weight, count: ofOld },
    { from: EPOCH + second, release: 'new' as const, weight, count: ofNew },
  ].filter(({ count }) => count > 0)
}
