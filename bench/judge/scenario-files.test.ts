import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { judgeNames } from './judges/registry.ts'
import { parseScenario } from './parse-scenario.ts'
import { createPool } from './pool.ts'

/** The example that the manual and the issue tracker give, as text. */
const example = `
{ "id": "example", "seconds": 1200, "requestsPerSecond": 100, "instances": 20, "reactionSeconds": 5,
  "old": { "errorRate": 0.001 }, "new": { "errorRate": 0.01, "fromSecond": 0 },
  "noise": [ { "type": "instance-heterogeneity", "sd": 0.3 } ], "policy": "default" }`
const base = JSON.parse(example) as Record<string, unknown>
const noises = [
  { type: 'common-drift', factor: 10 },
  { type: 'common-outage', rate: 0.3, seconds: 10, everySeconds: 300 },
  { type: 'retry-clusters', mean: 4 },
  { type: 'instance-bursts', rate: 0.5, seconds: 5, everySeconds: 2400 },
  { type: 'instance-log-ar', sd: 0.6, tauSeconds: 20 },
  { type: 'instance-heterogeneity', sd: 0.3 },
]

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-judge-'))
})
afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
})

const main = fileURLToPath(new URL('../main.ts', import.meta.url))
async function judge(scenario: string, ...args: string[]) {
  const file = join(folder, 'scenario.json')
  await writeFile(file, scenario)
  return spawnSync(process.execPath, [main, 'judge', '--scenario', file, ...args], {
    encoding: 'utf8',
    timeout: 60_000,
  })
}
const number = expect.any(Number)
const figures = {
  runs: 20,
  rolledBack: number,
  retreated: number,
  promoted: number,
  failedRequests: { mean: number, p95: number },
  protectedSeconds: { median: number, within120: number },
  rollbackSeconds: { median: number, within300: number },
  promotedSeconds: { median: number, p95: number },
  protectedSecondsAfterOnset: { median: number, within120: number },
  rollbackSecondsAfterOnset: { median: number, within300: number },
  promotedSecondsAfterOnset: { median: number, p95: number },
}

describe('the command line', () => {
  test('prints every figure of the example as one JSON document, and the same one for the same seed', async () => {
    const args = ['--runs', '20', '--seed', '1', '--json']
    const first = await judge(example, ...args)
    expect(first.status).toBe(0)
    expect(JSON.parse(first.stdout)).toMatchObject({ seed: 1, scenario: 'example', judge: 'sluice', ...figures })
    expect((await judge(example, ...args)).stdout).toBe(first.stdout)
    expect((await judge(example, '--runs', '20', '--seed', '2', '--json')).stdout).not.toBe(first.stdout)
  })

  test('says what is wrong with a scenario, a file or a judge, and leaves with code 2', async () => {
    const wrong = await judge('{ "old": {} }', '--json')
    expect(wrong.status).toBe(2)
    expect(wrong.stderr).toContain('requestsPerSecond: expected')
    expect(wrong.stderr).toContain('old.errorRate: expected')
    expect((await judge('{ "old"')).stderr).toContain('is not JSON')
    expect((await judge(example, '--judge', 'nobody')).stderr).toContain('kayenta')
  })
})

describe('a scenario', () => {
  const pool = createPool(2)
  afterAll(() => pool.close())
  const run = (changes: object, judgeName: (typeof judgeNames)[number] = 'sluice') =>
    pool.run({ judge: judgeName, scenario: parseScenario({ ...base, seconds: 300, ...changes }), runs: 20, seed: 1 })

  test.each(noises.map((noise) => [noise.type, noise]))('runs under %s', async (_, noise) => {
    expect(await run({ noise: [noise], new: {} })).toMatchObject({ ...figures, broken: 0 })
  })

  test.each([['default'], ['fixed'], ['event-level'], [{ preset: 'careful', metrics: { latency: false } }]])(
    'is judged by the policy %j',
    async (policy) => {
      expect(await run({ policy, new: { errorRate: 0.2 } })).toMatchObject({ ...figures, rolledBack: 1 })
    },
  )

  test.each(judgeNames.map((name) => [name]))('is judged by %s', async (name) => {
    expect(await run({ policy: 'fixed' }, name)).toMatchObject({ ...figures, judge: name })
  })

  test('may slow requests down, all or a few', async () => {
    const quick = { requestsPerSecond: 200, noise: [], new: {} }
    expect(await run({ ...quick, latency: { factor: 1.5 } })).toMatchObject({ rolledBack: 1 })
    expect(await run({ ...quick, latency: { slowShare: 0.2, slowSeconds: 1 } })).toMatchObject({ rolledBack: 1 })
    expect(await run({ ...quick, latency: {} })).toMatchObject({ rolledBack: 0 })
  })

  test('may lose conversions', async () => {
    const visits = { requestsPerSecond: 200, noise: [], new: {} }
    expect(await run({ ...visits, conversions: { rate: 0.2, drop: 0.9 } })).toMatchObject({ rolledBack: 1 })
    expect(await run({ ...visits, conversions: { rate: 0.2, drop: 0 } })).toMatchObject({ rolledBack: 0 })
  })

  test('gives the same figures on one worker and on two', async () => {
    const job = { judge: 'sluice', scenario: parseScenario(base), runs: 60, seed: 3 } as const
    const alone = createPool(1)
    try {
      expect(await alone.run(job)).toEqual(await pool.run(job))
    } finally {
      await alone.close()
    }
  })

  test('that cannot be run names every problem', () => {
    const wrong = {
      requestsPerSecond: 'many',
      old: {},
      new: { errorRate: 2, fromsecond: 1 },
      noise: [{ type: 'weather' }, { type: 'retry-clusters' }, { type: 'common-drift', factor: 2, sd: 1 }],
      latency: { factor: 'slow' },
      conversions: {},
      policy: 3,
    }
    expect(() => parseScenario(wrong)).toThrowErrorMatchingInlineSnapshot(`
      [Error: this scenario cannot be run:
        new: there is no fromsecond; known are errorRate, fromSecond, oneInstance
        requestsPerSecond: expected a number of at least 0, saw "many"
        old.errorRate: expected a number from 0 to 1, saw undefined
        new.errorRate: expected a number from 0 to 1, saw 2
        noise[0].type: expected one of common-drift, common-outage, retry-clusters, instance-bursts, instance-log-ar, instance-heterogeneity, instance-latency, saw "weather"
        noise[1].mean: expected a number of at least 1, saw undefined
        noise[2]: there is no sd; known are type, factor
        latency.factor: expected a number of at least 0.01, saw "slow"
        conversions.rate: expected a number from 0 to 1, saw undefined
        policy: expected default, fixed, event-level or overrides, saw 3]
    `)
  })
})
