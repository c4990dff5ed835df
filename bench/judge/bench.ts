import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { isJudgeName, type JudgeName, judgeNames } from './judges/registry.ts'
import { createPool } from './pool.ts'
import { parseScenario } from './scenario.ts'
import type { Summary } from './summary.ts'
import { printTables, tableNames } from './tables.ts'

const usage = `npm run bench -- judge [--scenario FILE] [--runs N] [--seed S] [--json] [--judge NAME] [--full] [--tables A,B]

  without --scenario   prints the tables (300 runs a cell; --full 1,000): ${tableNames.join(', ')}
  --judge NAME         ${judgeNames.join(', ')}
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
    if (values.scenario === undefined) {
      const only = values.tables?.split(',').map((name) => name.trim())
      await printTables(pool, { runs, seed, ...(only === undefined ? {} : { only }), json: values.json })
      return
    }
    if (!isJudgeName(values.judge))
      throw new Error(`--judge: expected one of ${judgeNames.join(', ')}, saw ${values.judge}`)
    const scenario = parseScenario(JSON.parse(await readFile(values.scenario, 'utf8')))
    const judge: JudgeName = values.judge
    const summary = await pool.run({ judge, scenario, runs, seed })
    process.stdout.write(values.json ? `${JSON.stringify({ seed, ...summary })}\n` : inWords(summary, seed))
  } finally {
    await pool.close()
  }
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
