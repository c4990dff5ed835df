import { median, percentile } from '../../e2e/support/stats.ts'
import { plainTable, show, type Table, type Cell as TableCell } from '../support/table.ts'
import type { Pool } from './pool.ts'
import { type Cell, faultShare, type Lane, labelOf, lanes, OLD_RATE } from './product-cells.ts'
import { type Rollout, startPlace } from './product-rollout.ts'
import type { Scenario } from './scenario.ts'
import type { RunResult } from './simulate.ts'

/** More would measure the machine and not the judge. */
const MOST_REQUESTS_PER_SECOND = 300
/** What the engine tells the judge: 50 ms of the Node edge and a tick of a second. */
const TOLD_REACTION_SECONDS = 1.05
const SIMULATED_RUNS = 300
/** Horizon of the simulation; every expected outcome is reached well before. */
const HORIZON_SECONDS = 900

export interface ProductOptions {
  /** Rollouts per cell. */
  readonly runs: number
  readonly seed: number
  /** Part of a cell's label. */
  readonly only?: string
  readonly json: boolean
  readonly signal: AbortSignal
}

interface Measured {
  readonly lane: Lane
  readonly cell: Cell
  readonly rollout: Rollout
}

/** Rollouts by the whole product, and beside each what the simulator says about the same scenario. */
export async function productTable(pool: Pool, options: ProductOptions, say: (line: string) => void): Promise<void> {
  const { only = '' } = options
  const chosen = lanes
    .map((lane) => ({ ...lane, cells: lane.cells.filter((cell) => labelOf(lane, cell).includes(only)) }))
    .filter(({ cells }) => cells.length > 0)
  if (chosen.length === 0) throw new Error(`--only ${only}: no such cell; there are ${labels().join(' | ')}`)
  const startedAt = performance.now()
  const measured: Measured[] = []
  await sideBySide(chosen, options.signal, async (lane, signal) => {
    const place = await startPlace(lane, signal)
    try {
      for (const cell of lane.cells) {
        for (let run = 0; run < options.runs; run++) {
          const rollout = await place.rollout(cell)
          measured.push({ lane, cell, rollout })
          say(
            `${labelOf(lane, cell)}: ${rollout.outcome} after ${rollout.decidedAfter.toFixed(1)} s; ${rollout.summary}`,
          )
        }
      }
    } finally {
      await place.end()
    }
  })
  const rows: TableCell[][] = []
  for (const lane of chosen) {
    for (const cell of lane.cells) {
      for (const one of measured.filter((each) => each.cell === cell)) {
        const scenario = scenarioOf(lane, cell, one.rollout.historySeconds)
        const simulated = await pool.results({ judge: 'sluice', scenario, runs: SIMULATED_RUNS, seed: options.seed })
        rows.push(rowOf(one, simulated))
      }
    }
  }
  const table: Table = {
    title:
      'Rollouts by `sluice deploy` (canary, balanced, all defaults but a bake of 5 s) behind the Node edge; in brackets the simulation of the same: mean, 5 to 95 % of 300 runs',
    columns: [
      'release',
      'outcome',
      'withdrawn after s',
      'decided after s',
      'failed on the new release',
      'of requests',
      'reaction s',
      'as simulated',
    ],
    rows,
  }
  const line = `${summaryOf(measured)}; ${((performance.now() - startedAt) / 60_000).toFixed(1)} min`
  process.stdout.write(
    options.json ? `${JSON.stringify({ ...table, note: line })}\n` : `${plainTable(table)}\n\n${line}\n`,
  )
}

function labels(): string[] {
  return lanes.flatMap((lane) => lane.cells.map((cell) => labelOf(lane, cell)))
}

/** All lanes, in order, as many at a time as the limit on requests allows; the first that fails ends the others. */
async function sideBySide(
  all: readonly Lane[],
  signal: AbortSignal,
  work: (lane: Lane, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failed = new AbortController()
  const ended = AbortSignal.any([signal, failed.signal])
  const waiting = [...all]
  const running = new Set<Promise<void>>()
  const begin = (lane: Lane) => {
    load += lane.requestsPerSecond
    const one: Promise<void> = work(lane, ended)
      .catch((error: unknown) => failed.abort(error))
      .finally(() => {
        load -= lane.requestsPerSecond
        running.delete(one)
      })
    running.add(one)
  }
  let load = 0
  while (running.size > 0 || (waiting.length > 0 && !ended.aborted)) {
    const next = waiting.findIndex(({ requestsPerSecond }) => load + requestsPerSecond <= MOST_REQUESTS_PER_SECOND)
    const [lane] = next === -1 || ended.aborted ? [] : waiting.splice(next, 1)
    if (lane === undefined) await Promise.race(running)
    else begin(lane)
  }
  ended.throwIfAborted()
}

/** The same in the simulator. It knows no routes: there a route's failures are spread over all requests. */
function scenarioOf(lane: Lane, cell: Cell, historySeconds: number): Scenario {
  return {
    id: labelOf(lane, cell),
    seconds: HORIZON_SECONDS,
    requestsPerSecond: lane.requestsPerSecond,
    instances: lane.instances,
    reactionSeconds: 0,
    toldReactionSeconds: TOLD_REACTION_SECONDS,
    fullFleets: true,
    historySeconds,
    old: { errorRate: OLD_RATE },
    new: {
      ...(cell.faultRate === 0 ? {} : { errorRate: OLD_RATE + faultShare(cell) }),
      ...(cell.oneInstance === true ? { oneInstance: true } : {}),
    },
    noise: [],
    ...(lane.latencyMedianMs === undefined ? {} : { latency: cell.latency ?? {} }),
    policy: 'default',
  }
}

function rowOf({ lane, cell, rollout }: Measured, simulated: readonly RunResult[]): TableCell[] {
  const never = HORIZON_SECONDS + 1
  const decidedAt = ({ rolledBackAt, promotedAt }: RunResult) => rolledBackAt ?? promotedAt ?? never
  const outcomes = simulated.filter((run) => (run.rolledBackAt !== null) === (rollout.outcome === 'rolled-back'))
  const withdrawn = simulated.flatMap(({ protectedAt }) => protectedAt ?? [])
  const failed = range(simulated.map((run) => run.failedAtDecision))
  const decided = range(simulated.map(decidedAt))
  const protectedRange = range(withdrawn)
  const misses = [
    ...(outcomes.length / simulated.length >= 0.05 ? [] : ['outcome']),
    ...(rollout.withdrawnAfter === null || protectedRange.holds(rollout.withdrawnAfter) ? [] : ['withdrawn']),
    ...(decided.holds(rollout.decidedAfter) ? [] : ['decided']),
    ...(failed.holds(rollout.failedRequests) ? [] : ['failed']),
  ]
  return [
    labelOf(lane, cell),
    `${rollout.outcome} (${Math.round((100 * outcomes.length) / simulated.length)} %)`,
    rollout.withdrawnAfter === null
      ? `- (${Math.round((100 * withdrawn.length) / simulated.length)} %)`
      : `${rollout.withdrawnAfter.toFixed(1)} ${protectedRange.text}`,
    `${rollout.decidedAfter.toFixed(1)} ${decided.text}`,
    `${rollout.failedRequests} ${failed.text}`,
    rollout.requests,
    rollout.reactionSeconds,
    misses.length === 0 ? 'yes' : `no: ${misses.join(', ')}`,
  ]
}

/** Real times are of weights in force and of parts of a second, simulated ones of whole seconds: a second more is no miss. */
const SLACK = 1.5

function range(values: readonly number[]): { readonly text: string; holds(value: number): boolean } {
  if (values.length === 0) return { text: '(never)', holds: () => false }
  const [low, high] = [percentile(values, 0.05), percentile(values, 0.95)]
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return { text: `(${show(mean)}, ${low} to ${high})`, holds: (value) => value >= low - SLACK && value <= high + SLACK }
}

function summaryOf(measured: readonly Measured[]): string {
  const reactions = measured.flatMap(({ rollout }) => rollout.reactionSeconds ?? [])
  const right = measured.filter(({ cell, rollout }) => rollout.outcome === cell.expected).length
  const late = measured.reduce((sum, { rollout }) => sum + rollout.requestsAfterWithdrawal, 0)
  const reaction =
    reactions.length === 0
      ? ''
      : `; from the decisive failure to the weight in force ${median(reactions).toFixed(2)} s (median), ${Math.max(...reactions).toFixed(2)} s at most; ${late} requests got through after a withdrawal`
  return `${right} of ${measured.length} outcomes as they should be${reaction}`
}
