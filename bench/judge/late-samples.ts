import type { Cell, Table } from '../support/table.ts'
import type { Pool } from './pool.ts'
import type { Scenario } from './scenario.ts'
import type { Summary } from './summary.ts'

/** Where figures come from: our edges, a counter in each task of a cloud, and the metrics of a cloud's balancer. */
const feeds = [
  { name: '1 s, at once', sampleSeconds: 1, sampleLagSeconds: 0 },
  { name: '1 s, 10 s late', sampleSeconds: 1, sampleLagSeconds: 10 },
  { name: '60 s, 120 s late', sampleSeconds: 60, sampleLagSeconds: 120 },
  { name: '60 s, 120 s late, by release only', sampleSeconds: 60, sampleLagSeconds: 120, perInstance: false },
] as const

const OLD_RATE = 0.001
/** A ramp on figures of minutes takes an hour, and twice that with a second look. */
const HORIZON_SECONDS = 5 * 3600

/** What late figures cost: failed requests and time until a bad release is gone, time until a healthy one is promoted. */
export async function lateSamples(
  pool: Pool,
  { runs, seed }: { readonly runs: number; readonly seed: number },
): Promise<readonly Table[]> {
  const rows = feeds.map(async ({ name, ...feed }): Promise<Cell[]> => {
    const run = (errorRate: number): Promise<Summary> => {
      const scenario: Scenario = {
        id: `${name}: ${errorRate * 100} %`,
        seconds: HORIZON_SECONDS,
        requestsPerSecond: 100,
        instances: 20,
        reactionSeconds: 5,
        ...feed,
        old: { errorRate: OLD_RATE },
        new: { errorRate },
        noise: [],
        untilPromoted: true,
        policy: 'default',
      }
      return pool.run({ judge: 'sluice', scenario, runs, seed })
    }
    const [five, half, healthy] = await Promise.all([run(0.05), run(0.5), run(OLD_RATE)])
    return [
      name,
      ...[five, half].flatMap((bad) => [
        `${bad.failedRequests.mean.toFixed(1)} (${bad.failedRequests.p95})`,
        `${bad.protectedSeconds.median} / ${bad.rollbackSeconds.median}${bad.rolledBack < 1 ? ` (${share(bad.rolledBack)})` : ''}`,
      ]),
      `${healthy.promotedSeconds.median} (${healthy.promotedSeconds.p95})`,
      share(healthy.promoted),
      share(healthy.asked),
      share(healthy.rolledBack),
    ]
  })
  return [
    {
      title: `Late figures, 100 requests/s, 0.1 % failing before, with the ramp: mean (p95) failed requests, median seconds (${runs} runs a cell)`,
      columns: [
        'figures',
        '5 %: failed',
        'withdrawn / rolled back s',
        '50 %: failed',
        'withdrawn / rolled back s',
        'healthy: promoted s (p95)',
        'promoted',
        'asked a person',
        'rolled back',
      ],
      rows: await Promise.all(rows),
    },
  ]
}

function share(x: number): string {
  return `${Math.round(x * 1000) / 10} %`
}
