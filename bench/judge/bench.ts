import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { median } from '../../e2e/support/stats.ts'
import { plainTable, type Table } from '../support/table.ts'
import { isJudgeName, type JudgeName, judgeNames } from './judges/registry.ts'
import { parseScenario } from './parse-scenario.ts'
import { createPool, type Pool } from './pool.ts'
import { productTable } from './product.ts'
import { type RealRun, realRollouts } from './real-edge.ts'
import type { Scenario } from './scenario.ts'
import type { Summary } from './summary.ts'
import { printTables, tableNames } from './tables.ts'

const usage = `npm run bench -- judge [--scenario FILE] [--runs N] [--seed S] [--json] [--judge NAME] [--full] [--tables A,B]

  without --scenario   prints the tables (300 runs a cell; --full 1,000): ${tableNames.join(', ')}
  --judge NAME         ${judgeNames.join(', ')}
  --product [--only CELL] [--runs N]   real deployments by the whole product, beside the simulator's prediction
  --edge [--rate Q]    real rollouts behind the real edge, 100 requests/s, beside the simulator's prediction
Times are those of decisions; they take effect the scenario's reactionSeconds later.`

export const bench = {
  name: 'judge',
  description: 'simulated rollouts: how fast bad releases are found, and how often healthy ones are rolled back',
  run,
}

async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      scenario: { type: 'string' },
      runs: { type: 'string' },
      seed: { type: 'string', default: '1' },
      json: { type: 'boolean', default: false },
      judge: { type: 'string', default: 'sluice' },
      full: { type: 'boolean', default: false },
      tables: { type: 'string' },
      edge: { type: 'boolean', default: false },
      product: { type: 'boolean', default: false },
      only: { type: 'string' },
      rate: { type: 'string', default: '0.05' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(`${usage}\n`)
    return
  }
  const runs = whole(values.runs ?? (values.full ? '1000' : '300'), 'runs')
  const seed = whole(values.seed, 'seed')
  const pool = createPool()
  try {
    if (values.product) {
      const { only, json } = values
      const signal = interrupted()
      const options = {
        runs: whole(values.runs ?? '1', 'runs'),
        seed,
        json,
        signal,
        ...(only === undefined ? {} : { only }),
      }
      await productTable(pool, options, (line) => process.stderr.write(`${line}\n`))
      return
    }
    if (values.edge) {
      await behindTheEdge(pool, whole(values.runs ?? '20', 'runs'), Number(values.rate), seed)
      return
    }
    if (values.scenario === undefined) {
      const only = values.tables?.split(',').map((name) => name.trim())
      await printTables(pool, { runs, seed, ...(only === undefined ? {} : { only }), json: values.json })
      return
    }
    if (!isJudgeName(values.judge))
      throw new Error(`--judge: expected one of ${judgeNames.join(', ')}, saw ${values.judge}`)
    const scenario = await readScenario(values.scenario)
    const judge: JudgeName = values.judge
    const summary = await pool.run({ judge, scenario, runs, seed })
    process.stdout.write(values.json ? `${JSON.stringify({ seed, ...summary })}\n` : inWords(summary, seed))
  } finally {
    await pool.close()
  }
}

async function readScenario(file: string): Promise<Scenario> {
  const text = await readFile(file, 'utf8')
  try {
    return parseScenario(JSON.parse(text))
  } catch (error) {
    if (error instanceof SyntaxError) throw new Error(`${file} is not JSON: ${error.message}`)
    throw error
  }
}

/** Ctrl-C takes down what was started. */
function interrupted(): AbortSignal {
  const abort = new AbortController()
  process.once('SIGINT', () => abort.abort())
  process.once('SIGTERM', () => abort.abort())
  return abort.signal
}

/** Real applications behind the Node edge, four rollouts side by side, and what the simulator says about the same. */
async function behindTheEdge(pool: Pool, runs: number, newRate: number, seed: number): Promise<void> {
  const options = {
    runs,
    lanes: Math.min(4, runs),
    requestsPerSecond: 100,
    oldRate: 0.001,
    newRate,
    instances: 4,
    warmUpSeconds: 60,
    mostSeconds: 400,
    seed,
  }
  const results = await realRollouts(options, (run) =>
    process.stdout.write(`${run.failedRequests} failed: ${run.summary}\n`),
  )
  const predicted = await pool.run({
    judge: 'sluice',
    runs: 300,
    seed,
    scenario: {
      id: 'the same, simulated',
      seconds: 400,
      requestsPerSecond: 100,
      instances: 8,
      reactionSeconds: 2,
      old: { errorRate: 0.001 },
      new: { errorRate: newRate },
      noise: [],
      policy: 'default',
    },
  })
  const never = options.mostSeconds + 1
  const middle = (of: (run: RealRun) => number | null) => median(results.map((run) => of(run) ?? never))
  const rolledBack = results.filter(({ action }) => action === 'roll-back').length / results.length
  const table: Table = {
    title: `0.1 % → ${newRate * 100} % at 100 requests/s, ${runs} rollouts behind the Node edge, weights in force after ${Math.max(...results.map(({ applySeconds }) => applySeconds)).toFixed(2)} s at most`,
    columns: ['', 'rolled back', 'failed requests: median', 'mean', 'protected s', 'decided s'],
    rows: [
      [
        'real',
        rolledBack,
        middle((run) => run.failedRequests),
        results.reduce((sum, run) => sum + run.failedRequests, 0) / results.length,
        middle((run) => run.protectedSeconds),
        middle((run) => run.decidedSeconds),
      ],
      [
        'simulated',
        predicted.rolledBack,
        null,
        predicted.failedRequests.mean,
        predicted.protectedSeconds.median,
        predicted.rollbackSeconds.median,
      ],
    ],
  }
  process.stdout.write(`${plainTable(table)}\n`)
}

function whole(text: string, name: string): number {
  const n = Number(text)
  if (!Number.isInteger(n) || n < 0) throw new Error(`--${name}: expected a whole number, saw ${text}`)
  return n
}

function inWords(s: Summary, seed: number): string {
  const percent = (share: number) => `${(share * 100).toFixed(1)} %`
  return [
    `${s.scenario}: ${s.runs} runs of ${s.judge}, seed ${seed}`,
    `  rolled back ${percent(s.rolledBack)}, retreated ${percent(s.retreated)}, promoted ${percent(s.promoted)}, asked a person ${percent(s.asked)}`,
    `  failed requests of the new release: mean ${s.failedRequests.mean.toFixed(1)}, p95 ${s.failedRequests.p95}`,
    `  protected: median ${s.protectedSeconds.median} s, within 120 s ${percent(s.protectedSeconds.within120)}`,
    `  rolled back: median ${s.rollbackSeconds.median} s, within 300 s ${percent(s.rollbackSeconds.within300)}`,
    `  promoted: median ${s.promotedSeconds.median} s, p95 ${s.promotedSeconds.p95} s`,
    '',
  ].join('\n')
}
