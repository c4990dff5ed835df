import { setTimeout as sleep } from 'node:timers/promises'
import { type Installation, installation, must, numberOption } from '../../e2e/support/installation.ts'
import { startTraffic } from '../../e2e/support/traffic/start.ts'
import type { ClientStats, TrafficStats } from '../../e2e/support/traffic/traffic.ts'
import { plainTable } from '../support/table.ts'

const strategies = {
  rolling: 'rolling',
  green: { name: 'blue-green', bake: '1s' },
  canary: { name: 'canary', steps: [50], stepTime: '1s', bake: '1s', maxWait: '3s', latency: false },
} as const

/** Long enough for a 99.9th percentile: about 2,000 quick requests. */
const QUIET_MS = 20_000

export const bench = {
  name: 'zero-downtime',
  description: '--deployments 50 --edge node|haproxy|both: deployments in a row under every kind of client',
  async run(args: string[]): Promise<void> {
    const deployments = numberOption(args, 'deployments', 50)
    const index = args.indexOf('--edge')
    const wanted = index === -1 ? 'both' : args[index + 1]
    const rows = []
    for (const edge of ['node', 'haproxy'] as const) {
      if (wanted !== 'both' && wanted !== edge) continue
      rows.push(await measure(edge, deployments))
    }
    console.log(
      plainTable({
        columns: [
          'edge',
          'deployments',
          'requests',
          'failed',
          'streams cut',
          'quiet p99.9 ms',
          'p99.9 ms',
          'added p99.9 ms',
          'slowest ms',
          'longest gap ms',
          'minutes',
        ],
        rows,
      }),
    )
  },
}

async function measure(edge: 'node' | 'haproxy', deployments: number) {
  const place = await installation({ edge, environments: { e: strategies.rolling } })
  try {
    must(await place.sluice('deploy', 'e'), 'succeeded')
    const traffic = await startTraffic({
      target: `http://127.0.0.1:${place.ports.e}`,
      requestsPerSecond: 120,
      isolate: true,
      clients: [
        { kind: 'keep-alive', path: '/', share: 3 },
        { kind: 'fresh', path: '/', share: 1 },
        { kind: 'post', path: '/echo', share: 1 },
        { kind: 'slow', path: '/slow?ms=1500', count: 4 },
        { kind: 'sse', path: '/sse?ms=100', count: 2 },
        { kind: 'websocket', path: '/', count: 2 },
      ],
    })
    await sleep(QUIET_MS)
    const quiet = fastOf(await traffic.stats())
    const from = Date.now()
    for (let count = 0; count < deployments; count++) await deployOnce(place, count)
    await sleep(2000)
    const busy = fastOf(await traffic.stats({ from }))
    const stats: TrafficStats = await traffic.stop()
    for (const failure of stats.failures.slice(0, 10)) console.log(JSON.stringify(failure))
    return [
      edge,
      deployments,
      stats.requests,
      stats.failed,
      stats.streams.cut,
      quiet,
      busy,
      Math.max(0, busy - quiet),
      Math.max(...quickClients(stats).map(({ latencyMs }) => latencyMs.max)),
      Math.max(...quickClients(stats).map(({ longestGap }) => longestGap.ms)),
      (Date.now() - from) / 60_000,
    ]
  } finally {
    await place.remove()
  }
}

function fastOf(stats: TrafficStats): number {
  return Math.max(...quickClients(stats).map(({ latencyMs }) => latencyMs.p999))
}

/** The slow clients' answers take 1.5 s on purpose: the tail is that of the others. */
function quickClients(stats: TrafficStats): readonly ClientStats[] {
  return Object.entries(stats.clients).flatMap(([name, client]) =>
    ['keep-alive', 'fresh', 'post'].includes(name) ? [client] : [],
  )
}

async function deployOnce(place: Installation, count: number): Promise<void> {
  const kinds = Object.keys(strategies)
  const strategy = strategies[kinds[count % kinds.length] as keyof typeof strategies]
  await place.setStrategy('e', strategy)
  await place.commit()
  must(await place.sluice('deploy', 'e'), 'succeeded')
  // A fixed rhythm would lock onto that of the slow requests.
  await sleep(200 + Math.random() * 1300)
}
