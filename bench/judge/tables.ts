import { type Cell, plainTable, type Table } from '../support/table.ts'
import type { JudgeName } from './judges/registry.ts'
import { lateSamples } from './late-samples.ts'
import { healthy, noiseScenarios } from './noise-scenarios.ts'
import type { Pool } from './pool.ts'
import type { Scenario } from './scenario.ts'
import { measureStep } from './step-cost.ts'
import type { Summary } from './summary.ts'

export const tableNames = [
  'detection',
  'false',
  'latency',
  'conversions',
  'fleets',
  'late',
  'late samples',
  'cost',
] as const

export interface TableOptions {
  readonly runs: number
  readonly seed: number
  readonly only?: readonly string[]
  readonly json: boolean
}

/** A policy of ours, or a judge of the field; all but the ramp act without delay, as in the reference tables. */
interface Column {
  readonly name: string
  readonly judge: JudgeName
  readonly policy: Scenario['policy']
  readonly reactionSeconds: number
}

const ramp: Column = { name: 'ours + ramp', judge: 'sluice', policy: 'default', reactionSeconds: 5 }
const fixed: Column = { name: 'ours', judge: 'sluice', policy: 'fixed', reactionSeconds: 0 }
const eventLevel: Column = { name: 'event-level', judge: 'sluice', policy: 'event-level', reactionSeconds: 0 }
const field: readonly Column[] = (['alarm', 'argo', 'flagger', 'kayenta'] as const).map((judge) => ({
  name: judge === 'flagger' ? 'flagger ×5' : judge,
  judge,
  policy: 'fixed',
  reactionSeconds: 0,
}))

type Row = readonly Cell[]

/** Every table sets off all of its cells at once, so that no core waits for another's last one. */
export async function printTables(pool: Pool, options: TableOptions): Promise<void> {
  const cpu = process.cpuUsage()
  const started = process.hrtime.bigint()
  const makers: Readonly<Record<(typeof tableNames)[number], () => Promise<readonly Table[]>>> = {
    detection: () => detection(pool, options),
    false: () => falseRollbacks(pool, options),
    latency: () => latency(pool, options),
    conversions: () => conversions(pool, options),
    fleets: () => smallFleets(pool, options),
    late: () => lateOnset(pool, options),
    'late samples': () => lateSamples(pool, { ...options, runs: Math.ceil(options.runs / 3) }),
    cost: async () => [stepCost()],
  }
  for (const name of tableNames) {
    if (options.only !== undefined && !options.only.includes(name)) continue
    for (const table of await makers[name]()) {
      process.stdout.write(options.json ? `${JSON.stringify(table)}\n` : `${plainTable(table)}\n\n`)
    }
  }
  const used = process.cpuUsage(cpu)
  const wall = Number(process.hrtime.bigint() - started) / 1e9
  const line = `${options.runs} runs a cell, seed ${options.seed}: ${wall.toFixed(0)} s in all, ${((used.user + used.system) / 1e6).toFixed(0)} s of CPU`
  process.stdout.write(options.json ? `${JSON.stringify({ note: line })}\n` : `${line}\n`)
}

function broken(rps: number, q: number, column: Column): Scenario {
  return {
    id: `0.1 % → ${q * 100} % at ${rps}/s`,
    seconds: 1200,
    requestsPerSecond: rps,
    instances: 20,
    reactionSeconds: column.reactionSeconds,
    old: { errorRate: 0.001 },
    new: { errorRate: q },
    noise: [],
    policy: column.policy,
  }
}

/** Failed requests until rollback, and when users were protected and the release rolled back. */
async function detection(pool: Pool, { runs, seed }: TableOptions): Promise<readonly Table[]> {
  const columns = [eventLevel, fixed, ramp, ...field]
  const worlds = [1, 10, 100, 1000].flatMap((rps) => [0.005, 0.01, 0.02, 0.05, 0.5].map((q) => ({ rps, q })))
  const pairs = await Promise.all(
    worlds.map(async ({ rps, q }) => {
      const cells = await Promise.all(
        columns.map((column) => pool.run({ judge: column.judge, scenario: broken(rps, q, column), runs, seed })),
      )
      const [, own, ramped, alarm, argo, flagger, kayenta] = cells
      const rest = [alarm, argo, flagger, kayenta].map((cell) =>
        timeCell(cell?.rollbackSeconds.median, cell?.rollbackSeconds.within300),
      )
      const failed: Row = [`${rps}`, `${q * 100} %`, ...cells.map(failedCell)]
      const times: Row = [
        `${rps}`,
        `${q * 100} %`,
        ...[own, ramped].flatMap((cell) => [
          timeCell(cell?.protectedSeconds.median, cell?.protectedSeconds.within120),
          timeCell(cell?.rollbackSeconds.median, cell?.rollbackSeconds.within300),
        ]),
        ...rest,
      ]
      return { failed, times }
    }),
  )
  return [
    {
      title: 'Mean failed requests of the new release (in brackets % rolled back within 20 min, if below 99)',
      columns: ['rps', 'q', ...columns.map(({ name }) => name)],
      rows: pairs.map(({ failed }) => failed),
    },
    {
      title: 'Median seconds / share in time (protected within 2 min, rolled back within 5 min)',
      columns: [
        'rps',
        'q',
        'ours: protected',
        'ours: back',
        'ramp: protected',
        'ramp: back',
        'alarm',
        'argo',
        'flagger ×5',
        'kayenta',
      ],
      rows: pairs.map(({ times }) => times),
    },
  ]
}

function failedCell(summary: Summary): string {
  const mean = summary.failedRequests.mean
  const figure = mean >= 100 ? mean.toFixed(0) : mean.toFixed(1)
  return summary.rolledBack >= 0.99 ? figure : `${figure} (${Math.round(summary.rolledBack * 100)})`
}

function timeCell(seconds: number | undefined, share: number | undefined): string {
  if (seconds === undefined || share === undefined) return '-'
  return `${seconds > 1200 ? '> 1200' : Math.round(seconds)} / ${share.toFixed(2)}`
}

/** Healthy releases that were rolled back. */
async function falseRollbacks(pool: Pool, { runs, seed }: TableOptions): Promise<readonly Table[]> {
  const rates = [10, 100, 1000] as const
  const columns = [ramp, eventLevel, ...field]
  const worlds = noiseScenarios.map(async (world, index) => {
    const perColumn = await Promise.all(
      columns.map((column) =>
        Promise.all(
          rates.map((rps) =>
            pool.run({ judge: column.judge, scenario: healthy(index, rps, column.policy), runs, seed }),
          ),
        ),
      ),
    )
    const [ours = []] = perColumn
    const shares = (cells: readonly Summary[], of: (summary: Summary) => number) =>
      cells.map((cell) => (of(cell) * 100).toFixed(1)).join(' / ')
    const row: Row = [
      world.name,
      shares(ours, (s) => s.rolledBack),
      shares(ours, (s) => s.retreated),
      shares(ours, (s) => s.asked),
      ours.map((s) => `${s.promotedSeconds.median}`).join(' / '),
      ...perColumn.slice(1).map((cells) => shares(cells, (s) => s.rolledBack)),
    ]
    return { ours, row }
  })
  const done = await Promise.all(worlds)
  const own = done.flatMap(({ ours }) => ours)
  const pooled = own.reduce((sum, cell) => sum + cell.rolledBack, 0) / Math.max(own.length, 1)
  const worst = own.reduce((most, cell) => Math.max(most, lowerBound(cell.rolledBack * cell.runs, cell.runs)), 0)
  return [
    {
      title: `Healthy releases rolled back, %, at ${rates.join(' / ')} requests/s (ours with the ramp, 20 min with the bake: ${(pooled * 100).toFixed(2)} % pooled, largest lower 95 % bound of a cell ${(worst * 100).toFixed(2)} %)`,
      columns: [
        'noise',
        'ours',
        'ours: retreats',
        'ours: asked',
        'ours: s to 100 %',
        ...columns.slice(1).map(({ name }) => name),
      ],
      rows: done.map(({ row }) => row),
    },
  ]
}

/** Wilson's lower 95 % bound of a share. */
function lowerBound(hits: number, runs: number): number {
  const z = 1.96
  const share = hits / runs
  const middle = share + z ** 2 / (2 * runs)
  const half = z * Math.sqrt((share * (1 - share)) / runs + z ** 2 / (4 * runs ** 2))
  return Math.max(0, (middle - half) / (1 + z ** 2 / runs))
}

async function latency(pool: Pool, { runs, seed }: TableOptions): Promise<readonly Table[]> {
  const steps = { steps: [5, 25, 50], stepSeconds: 300 }
  const tolerating = (latencyTolerance: number): Scenario['policy'] => ({
    ...steps,
    metrics: { errors: false, latencyTolerance },
  })
  const cases: readonly (readonly [string, NonNullable<Scenario['latency']>, Scenario['policy'], Scenario['noise']])[] =
    [
      ['×1.5, tolerance 9 %', { factor: 1.5 }, tolerating(0.09), []],
      ['×1.5, tolerance 19 %', { factor: 1.5 }, tolerating(0.19), []],
      ['×1.2, tolerance 9 %', { factor: 1.2 }, tolerating(0.09), []],
      ['×1.2, tolerance 19 % (inside)', { factor: 1.2 }, tolerating(0.19), []],
      ['2 % of requests +1 s', { slowShare: 0.02, slowSeconds: 1 }, tolerating(0.19), []],
      ['healthy', {}, tolerating(0.09), []],
      ['healthy, instances differ by 10 %', {}, tolerating(0.09), [{ type: 'instance-latency', sd: 0.1 }]],
      ['×1.5, instances differ by 10 %', { factor: 1.5 }, tolerating(0.09), [{ type: 'instance-latency', sd: 0.1 }]],
    ]
  const rows = cases.map(async ([name, change, policy, noise]): Promise<Row> => {
    const scenario = (rps: number): Scenario => ({
      id: `latency ${name} at ${rps}/s`,
      seconds: 900,
      requestsPerSecond: rps,
      instances: 20,
      reactionSeconds: 0,
      old: { errorRate: 0.001 },
      new: {},
      noise,
      latency: change,
      policy,
    })
    const few = Math.min(runs, 100)
    const cells = await Promise.all([
      ...[10, 100, 1000].map((rps) => pool.run({ judge: 'sluice', scenario: scenario(rps), runs: few, seed })),
      pool.run({ judge: 'kayenta-p90', scenario: scenario(100), runs: few, seed }),
    ])
    return [
      name,
      ...cells.map((cell) =>
        cell.rolledBack < 0.5
          ? cell.rolledBack.toFixed(2)
          : `${cell.rolledBack.toFixed(2)}, ${Math.round(cell.rollbackSeconds.median)} s, ${Math.round(cell.requests.median)}`,
      ),
    ]
  })
  return [
    {
      title: `Slower releases at 5/25/50 %: share found, median seconds and requests of the new release (${Math.min(runs, 100)} runs a cell)`,
      columns: ['case', '10/s', '100/s', '1000/s', 'kayenta (p90), 100/s'],
      rows: await Promise.all(rows),
    },
  ]
}

async function conversions(pool: Pool, { runs, seed }: TableOptions): Promise<readonly Table[]> {
  const few = Math.min(runs, 200)
  const rows = [1, 0.5, 0.3, 0.2, 0.1, 0].map(async (drop): Promise<Row> => {
    const cells = await Promise.all(
      [1, 10, 100].map((rps) =>
        pool.run({
          judge: 'sluice',
          scenario: {
            id: `conversions -${drop * 100} % at ${rps}/s`,
            seconds: 3600,
            requestsPerSecond: rps,
            instances: 2,
            reactionSeconds: 0,
            old: { errorRate: 0 },
            new: {},
            noise: [],
            conversions: { rate: 0.03, drop },
            policy: { steps: [50], stepSeconds: 3600, metrics: { errors: false } },
          },
          runs: few,
          seed,
        }),
      ),
    )
    return [
      `${drop * 100} %`,
      ...cells.map((cell) => {
        const found = `${Math.round(cell.rolledBack * 1000) / 10} %`
        return cell.rolledBack < 0.5 ? found : `${Math.round(cell.rollbackSeconds.median)} s (${found})`
      }),
    ]
  })
  return [
    {
      title: `Lost conversions (3 % of visits, half of the traffic, one hour): median seconds and share found (${few} runs a cell)`,
      columns: ['drop', '1 visit/s', '10/s', '100/s'],
      rows: await Promise.all(rows),
    },
  ]
}

/** Fleets too small for any comparison between instances. */
async function smallFleets(pool: Pool, { runs, seed }: TableOptions): Promise<readonly Table[]> {
  const rows = [1, 2, 3].flatMap((instances) =>
    [10, 100, 1000].map(async (rps): Promise<Row> => {
      const scenario = { ...broken(rps, 0.05, ramp), instances, id: `${instances} instances` }
      const sound = { ...scenario, new: {}, id: `${instances} instances, healthy` }
      const [cell, well] = await Promise.all([
        pool.run({ judge: 'sluice', scenario, runs, seed }),
        pool.run({ judge: 'sluice', scenario: sound, runs, seed }),
      ])
      return [
        instances,
        rps,
        `${(cell.rolledBack * 100).toFixed(1)} %`,
        cell.failedRequests.mean,
        cell.rollbackSeconds.median,
        `${(well.rolledBack * 100).toFixed(1)} %`,
        cell.broken + well.broken,
      ]
    }),
  )
  return [
    {
      title: 'Fleets of 1, 2 and 3 instances, 5 % failures, with the ramp',
      columns: [
        'instances',
        'rps',
        'rolled back',
        'failed requests',
        'median s',
        'healthy rolled back',
        'not a number',
      ],
      rows: await Promise.all(rows),
    },
  ]
}

/** Leaks and cron jobs: failures that begin four minutes in. */
async function lateOnset(pool: Pool, { runs, seed }: TableOptions): Promise<readonly Table[]> {
  const rows = [0.005, 0.01, 0.05, 0.5].map(async (q): Promise<Row> => {
    const scenario: Scenario = {
      ...broken(100, q, ramp),
      id: `late ${q}`,
      seconds: 1800,
      new: { errorRate: q, fromSecond: 240 },
    }
    const cell = await pool.run({ judge: 'sluice', scenario, runs, seed })
    return [
      `${q * 100} %`,
      `${(cell.rolledBack * 100).toFixed(1)} %`,
      cell.failedRequests.mean,
      cell.protectedSecondsAfterOnset.median,
      cell.rollbackSecondsAfterOnset.median,
    ]
  })
  return [
    {
      title: 'Failures that begin at second 240, 100 requests/s, with the ramp',
      columns: ['q', 'rolled back', 'failed requests', 'protected after s', 'rolled back after s'],
      rows: await Promise.all(rows),
    },
  ]
}

/** CPU time and size, with 20 old and 20 new instances. */
function stepCost(): Table {
  measureStep(0.001, 1000, true)
  const rows = [false, true].flatMap((withLatency) =>
    [0.001, 0.01, 0.3].map((rate): Row => {
      const { microseconds, stateBytes } = measureStep(rate, 1000, withLatency)
      return [`${rate * 100} %`, withLatency ? 'yes' : 'no', microseconds, stateBytes / 1000]
    }),
  )
  return {
    title: 'One step with 40 instances at 1,000 requests/s: CPU time, and the largest state',
    columns: ['failures', 'latency histograms', 'µs', 'state kB'],
    rows,
  }
}
