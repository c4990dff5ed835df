import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Installation, installation, must, numberOption } from '../../e2e/support/installation.ts'
import { startTraffic } from '../../e2e/support/traffic/start.ts'
import type { ClientStats, TrafficStats } from '../../e2e/support/traffic/traffic.ts'
import { makeCertificate } from '../../src/edge/testing/certificate.ts'
import { plainTable, type Table } from '../support/table.ts'
import { failureBound } from './failure-bound.ts'
import { clientsOf, LONG, LONG_DRAIN, QUICK, SECURE_HOST } from './mix.ts'

const strategies = [
  'rolling',
  { name: 'blue-green', bake: '1s' },
  { name: 'canary', steps: [50], stepTime: '1s', bake: '1s', maxWait: '3s', latency: false },
] as const

/** Long enough for a 99.9th percentile: about 2,000 quick requests. */
const QUIET_MS = 20_000

interface Order {
  readonly deployments: number
  readonly requests: number
  readonly perSecond: number
}

interface Outcome {
  readonly edge: string
  readonly deployments: number
  readonly quietP999Ms: number
  readonly stats: TrafficStats
  readonly minutes: number
}

export const bench = {
  name: 'zero-downtime',
  description:
    '--deployments 50 --requests 0 --per-second 120 --edge node|haproxy|both: deployments in a row under every kind of client, at least as many of each',
  async run(args: string[]): Promise<void> {
    const order = {
      deployments: numberOption(args, 'deployments', 50),
      requests: numberOption(args, 'requests', 0),
      perSecond: numberOption(args, 'per-second', args.includes('--requests') ? 600 : 120),
    }
    const index = args.indexOf('--edge')
    const wanted = index === -1 ? 'both' : args[index + 1]
    const outcomes: Outcome[] = []
    for (const edge of ['node', 'haproxy'] as const) {
      if (wanted !== 'both' && wanted !== edge) continue
      const outcome = await measure(edge, order)
      outcomes.push(outcome)
      for (const failure of outcome.stats.failures) console.log(JSON.stringify(failure))
    }
    console.log(plainTable(summaryOf(outcomes)))
    for (const outcome of outcomes) console.log(`\n${plainTable(clientsTable(outcome))}`)
  },
}

async function measure(edge: 'node' | 'haproxy', order: Order): Promise<Outcome> {
  const certificates = await mkdtemp(join(tmpdir(), 'sluice-bench-certificates-'))
  const place = await installation({
    edge,
    environments: { [QUICK]: strategies[0], [LONG]: strategies[0] },
    environmentKeys: { [LONG]: { services: { web: { drain: LONG_DRAIN } } } },
    certificate: await makeCertificate(certificates, SECURE_HOST),
  })
  try {
    for (const name of [QUICK, LONG]) must(await place.sluice('deploy', name), 'succeeded')
    const traffic = await startTraffic({
      target: `http://127.0.0.1:${place.ports[QUICK]}`,
      requestsPerSecond: order.perSecond,
      isolate: true,
      keepFailures: 100,
      keepFailuresOfClient: 10,
      clients: clientsOf(place),
    })
    await sleep(QUIET_MS)
    const quietP999Ms = p999Of(await traffic.stats())
    const from = Date.now()
    const deployments = await deployInTurn(place, order, from)
    await sleep(2000)
    const minutes = (Date.now() - from) / 60_000
    // Of the whole time: to ask for a part of so many requests would hold up those under way.
    const stats = await traffic.stop()
    return { edge, deployments, quietP999Ms, stats, minutes }
  } finally {
    await place.remove()
    await rm(certificates, { recursive: true, force: true })
  }
}

/** One after another in the quick environment; in the other one whenever the deployment before is over. */
async function deployInTurn(place: Installation, order: Order, from: number): Promise<number> {
  const until = from + (order.requests / order.perSecond) * 1000
  let count = 0
  let long: Promise<void> | null = null
  let trouble: unknown
  while (count < order.deployments || Date.now() < until) {
    const strategy = strategies[count % strategies.length]
    await place.setStrategy(QUICK, strategy)
    await place.setStrategy(LONG, strategy)
    await place.commit()
    if (long === null) {
      count++
      long = deploy(place, LONG).then(
        () => {
          long = null
        },
        (error: unknown) => {
          trouble = error
        },
      )
    }
    count++
    await deploy(place, QUICK)
    if (trouble !== undefined) throw trouble
    // A fixed rhythm would lock onto that of the slow requests.
    await sleep(200 + Math.random() * 1300)
  }
  await long
  if (trouble !== undefined) throw trouble
  return count
}

async function deploy(place: Installation, environment: string): Promise<void> {
  must(await place.sluice('deploy', environment), 'succeeded')
}

function summaryOf(outcomes: readonly Outcome[]): Table {
  return {
    columns: [
      'edge',
      'deployments',
      'requests',
      'failed',
      'at most, 95 %',
      'streams ended well',
      'streams cut',
      'quiet p99.9 ms',
      'p99.9 ms',
      'added p99.9 ms',
      'slowest ms',
      'longest gap ms',
      'minutes',
    ],
    rows: outcomes.map(({ edge, deployments, quietP999Ms, stats, minutes }) => [
      edge,
      deployments,
      stats.requests,
      stats.failed,
      `${(failureBound(stats.failed, stats.requests) * 1e6).toFixed(1)} per million`,
      stats.streams.endedCleanly,
      stats.streams.cut,
      quietP999Ms,
      p999Of(stats),
      Math.max(0, p999Of(stats) - quietP999Ms),
      Math.max(...quickClients(stats).map(({ latencyMs }) => latencyMs.max)),
      Math.max(...quickClients(stats).map(({ longestGap }) => longestGap.ms)),
      minutes,
    ]),
  }
}

/** What the sum is made of: a kind of client that hardly asked would prove little. */
function clientsTable({ edge, stats }: Outcome): Table {
  const { skipped, repeated } = stats
  return {
    title: `${edge} edge, by kind of client; ${skipped} requests were left out, ${repeated} over HTTP/2 sent again`,
    columns: ['client', 'requests', 'failed', 'p50 ms', 'p99.9 ms'],
    rows: Object.entries(stats.clients)
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([name, { requests, failed, latencyMs }]) => [name, requests, failed, latencyMs.p50, latencyMs.p999]),
  }
}

function p999Of(stats: TrafficStats): number {
  return Math.max(...quickClients(stats).map(({ latencyMs }) => latencyMs.p999))
}

/** The others' answers take long on purpose. */
function quickClients(stats: TrafficStats): readonly ClientStats[] {
  return Object.entries(stats.clients).flatMap(([name, client]) =>
    ['keep-alive', 'fresh', 'post', 'http2', 'http2 post', 'header-bytes'].includes(name) ? [client] : [],
  )
}
