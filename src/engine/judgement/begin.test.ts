import { expect, test } from 'vitest'
import { explain, policyFrom, start, step } from '../../judge/index.ts'
import type { ReleaseRecord } from '../../model/release.ts'
import type { Sample } from '../../model/sample.ts'
import { systemClock } from '../../support/clock.ts'
import type { DeploymentRun } from '../run.ts'
import { deployOrder } from '../testing/deploy-order.ts'
import { memoryTarget } from '../testing/memory-target.ts'
import { begin } from './begin.ts'

/** Unix second at which the control plane finds that the judgement's row is gone. */
const NOW = 1_800_000_000

const record = (id: string): ReleaseRecord => {
  const { config } = deployOrder()
  return {
    ...config,
    id,
    environment: 'shop.production',
    artifact: 'a',
    source: { kind: 'git', commit: null, dirty: false, branch: null, subject: null },
    secrets: {},
    schema: null,
    createdAt: '',
  }
}
const run: DeploymentRun = {
  deployment: 'd2',
  environment: 'shop.production',
  lease: { environment: 'shop.production', activity: 'd2', fence: 1 },
  release: record('r2'),
  base: record('r1'),
  settings: deployOrder().config.strategy,
  plan: [],
  by: 'ada',
}
const order = { signal: AbortSignal.timeout(60_000), deadlineMs: 1000, fence: 1 }
const clock = { ...systemClock, now: () => new Date(NOW * 1000) }
const judge = { start, step, explain }
const policy = policyFrom({ probes: { routes: ['web /health'], rounds: 2 } })

function sample(from: number, release: string, weight: number, requests: number, bad = 0): Sample {
  const instance = `${release}-web-0`
  return { from, seconds: 1, service: 'web', release, instance, weight, requests, bad, statusClasses: {} }
}

async function inTheMiddle(weight: number, badOfNew = 0) {
  const target = memoryTarget()
  const { fleets, traffic } = target.of(run.environment)
  await fleets.scale(run.release, { web: 2 }, order)
  await fleets.scale(record('r1'), { web: 2 }, order)
  await traffic.shift({ base: 'r1', candidate: 'r2', weight, salt: 'd2' }, order)
  const past: Sample[] = []
  for (let second = NOW - 600; second < NOW - 60; second++) past.push(sample(second, 'r1', 0, 100))
  for (let second = NOW - 60; second < NOW; second++) {
    past.push(sample(second, 'r1', weight, 80), sample(second, 'r2', weight, 20, badOfNew))
  }
  target.push(run.environment, past)
  return target
}

test('a judgement whose row was lost is rebuilt from the samples and goes on at the weight in force', async () => {
  const targets = await inTheMiddle(0.2)
  const begun = await begin({ clock, judge, targets }, run, {
    phase: 'shift',
    policy,
    step: 'ramp',
    weight: 0,
    servingAt: null,
  })
  expect(begun.kept.weight).toBe(0.2)
  expect(begun.startedAt).toEqual(new Date((NOW - 60) * 1000))
  expect(begun.history).toHaveLength(540)
  expect(begun.seconds).toHaveLength(60)
  expect(explain(begun.kept.judge).counts).toEqual({
    old: { requests: 4800, bad: 0 },
    new: { requests: 1200, bad: 0 },
  })
  // The next second neither falls back to nothing nor waits for probes again.
  const next = step(begun.kept.judge, {
    second: NOW,
    weight: 0.2,
    old: { samples: [], instances: ['r1-web-0', 'r1-web-1'] },
    new: { samples: [], instances: ['r2-web-0', 'r2-web-1'] },
    probes: [],
    capabilities: { lowestWeight: 0, reactionSeconds: 3, perInstance: true },
  })
  expect(next.decision.weight).toBeGreaterThanOrEqual(0.2)
})

test('a rebuilt judgement knows what spoke against the release', async () => {
  const targets = await inTheMiddle(0.2, 10)
  const begun = await begin({ clock, judge, targets }, run, {
    phase: 'shift',
    policy,
    step: 'ramp',
    weight: 0,
    servingAt: null,
  })
  expect(['withdrawn', 'confirming', 'rolled-back']).toContain(begun.kept.judge.phase)
  expect(begun.kept.weight).toBe(0.2)
})

test('a judgement of a release without traffic begins at nothing and asks for probes', async () => {
  const targets = await inTheMiddle(0)
  const begun = await begin({ clock, judge, targets }, run, {
    phase: 'shift',
    policy,
    step: 'ramp',
    weight: 0,
    servingAt: null,
  })
  expect(begun.kept).toMatchObject({ weight: 0, judge: { policy: { probes: { rounds: 2 } } } })
  expect(begun.startedAt).toEqual(new Date(NOW * 1000))
})

test.each([0, 3600, -3600])(
  'a bake whose beginning saw the clock set by %i s counts the seconds that samples show',
  async (jump) => {
    const targets = await inTheMiddle(1)
    const machine = { ...clock, now: () => new Date((NOW + jump) * 1000) }
    const bake = { phase: 'bake', policy, step: 'bake', weight: 1, servingAt: null } as const
    const begun = await begin({ clock: machine, judge, targets }, run, bake)
    expect(begun.kept).toMatchObject({ weight: 1, elapsedMs: 59_000 })
  },
)

/** A minute's figures of a router that states no weights. */
function blockOf(counted: Sample): Sample {
  const { weight, ...rest } = counted
  expect(weight).toBe(0)
  return { ...rest, seconds: 60 }
}

test('a lost judgement of figures that come late, in blocks and without weights, is rebuilt as they became known', async () => {
  const blocks: Sample[] = []
  for (let from = NOW - 420; from < NOW - 120; from += 60) {
    blocks.push(blockOf(sample(from, 'r1', 0, 4800)), blockOf(sample(from, 'r2', 0, 1200)))
  }
  const late = memoryTarget()
  late.habits = { sampleSeconds: 60, sampleLagSeconds: 120 }
  const { fleets, traffic } = late.of(run.environment)
  await fleets.scale(run.release, { web: 2 }, order)
  await fleets.scale(record('r1'), { web: 2 }, order)
  await traffic.shift({ base: 'r1', candidate: 'r2', weight: 0.4, salt: 'd2' }, order)
  late.push(run.environment, blocks)
  const begun = await begin({ clock, judge, targets: late }, run, {
    phase: 'shift',
    policy,
    step: 'ramp',
    weight: 0,
    servingAt: null,
  })
  expect(begun.kept.weight).toBe(0.4)
  expect(begun.startedAt).toEqual(new Date((NOW - 420) * 1000))
  expect(begun.kept.judge.now).toBe(NOW - 121)
  expect(explain(begun.kept.judge).counts.new).toEqual({ requests: 6000, bad: 0 })
  const weights = new Map(begun.seconds.map(({ second, weight }) => [second, weight]))
  expect(weights.get(NOW - 300)).toBeCloseTo(0.2, 9)
  // Nothing is known of these yet: the weight in force.
  expect(weights.get(NOW - 60)).toBe(0.4)
})
