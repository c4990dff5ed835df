import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, createServer, request, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Edge } from '../../src/edge/edge.ts'
import { startNodeEdge } from '../../src/edge/node/start.ts'
import { routeTable } from '../../src/edge/testing/route-tables.ts'
import { explain, policyFrom, start, step } from '../../src/judge/index.ts'
import type { Sample } from '../../src/model/sample.ts'
import { freePort } from '../../src/support/testing/free-port.ts'
import { random } from './random.ts'

export interface RealOptions {
  readonly runs: number
  /** Rollouts side by side, each with its own environment, applications and traffic. */
  readonly lanes: number
  readonly requestsPerSecond: number
  readonly oldRate: number
  readonly newRate: number
  readonly instances: number
  readonly warmUpSeconds: number
  /** A rollout that has not ended by then is given up. */
  readonly mostSeconds: number
  readonly seed: number
}

export interface RealRun {
  readonly action: string
  /** Requests that the new release failed, counted by itself. */
  readonly failedRequests: number
  readonly protectedSeconds: number | null
  readonly decidedSeconds: number | null
  /** Longest time from a decision to the edge's word that it is in force. */
  readonly applySeconds: number
  readonly summary: string
}

const TICK_MS = 1000
/** A second for the tick, one for the edge's samples and its change of weight. */
const REACTION_SECONDS = 2

/** Rollouts behind the real edge: real sockets, real applications, the shipped judge in the loop. */
export async function realRollouts(options: RealOptions, report: (run: RealRun) => void): Promise<readonly RealRun[]> {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-judge-edge-'))
  const edge = await startNodeEdge({ directory, env: process.env })
  const runs: RealRun[] = []
  let left = options.runs
  try {
    await Promise.all(
      Array.from({ length: options.lanes }, async (_, lane) => {
        const one = await startLane(edge, options, lane)
        try {
          await sleep(options.warmUpSeconds * 1000)
          while (left > 0) {
            left -= 1
            const run = await one.rollout()
            runs.push(run)
            report(run)
          }
        } finally {
          await one.end()
        }
      }),
    )
  } finally {
    await edge.close({ stop: true })
    await rm(directory, { recursive: true, force: true, maxRetries: 5 })
  }
  return runs
}

interface Lane {
  rollout(): Promise<RealRun>
  end(): Promise<void>
}

async function startLane(edge: Edge, options: RealOptions, lane: number): Promise<Lane> {
  const chance = random(options.seed, lane + 1)
  const failed = { old: 0, new: 0 }
  const servers: Server[] = []
  const application = async (release: 'old' | 'new', id: string) => {
    const port = await freePort()
    const rate = release === 'new' ? options.newRate : options.oldRate
    const server = createServer((incoming, response) => {
      const isBad = incoming.url !== '/health' && chance.uniform() < rate
      if (isBad) failed[release] += 1
      response.writeHead(isBad ? 500 : 200, { 'content-type': 'text/plain' }).end('ok')
    })
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
    servers.push(server)
    return { id, host: '127.0.0.1', port }
  }
  const environment = `judge${lane}.production`
  const http = await freePort()
  const ids = Array.from({ length: options.instances }, (_, i) => i)
  const old = await Promise.all(ids.map((i) => application('old', `old-${i}`)))
  let fresh = await Promise.all(ids.map((i) => application('new', `new-${i}`)))
  let salt = 0
  const apply = (weight: number) =>
    edge.apply(
      routeTable({
        environment,
        http,
        stickiness: false,
        fleets: { old, new: fresh },
        split: { base: 'old', candidate: 'new', weight, salt: `d${salt}` },
      }),
      { deadlineMs: 10_000 },
    )
  await edge.apply(routeTable({ environment, http, stickiness: false, fleets: { old }, base: 'old' }), {
    deadlineMs: 10_000,
  })
  const traffic = startTraffic(http, options.requestsPerSecond, () => chance.uniform())

  const rollout = async (): Promise<RealRun> => {
    salt += 1
    await apply(0)
    await sleep(2000)
    const kept = await edge.samples({ environment })
    const startedAt = Math.floor(Date.now() / 1000)
    const history = kept.samples.filter((sample) => sample.release === 'old' && sample.from >= startedAt - 1800)
    let state = start(policyFrom(), { samples: history, instances: old.map(({ id }) => id) })
    let cursor = kept.cursor
    let weight = 0
    let applySeconds = 0
    failed.new = 0
    const began = performance.now()
    for (let tick = 0; ; tick++) {
      const batch = await edge.samples({ environment, after: cursor })
      cursor = batch.cursor
      const of = (release: string): readonly Sample[] => batch.samples.filter((sample) => sample.release === release)
      const answer = step(state, {
        second: Math.floor(Date.now() / 1000),
        weight,
        old: { samples: of('old'), instances: old.map(({ id }) => id) },
        new: { samples: of('new'), instances: fresh.map(({ id }) => id) },
        probes: [],
        capabilities: { lowestWeight: 0, reactionSeconds: REACTION_SECONDS, perInstance: true, assignment: 'request' },
      })
      state = answer.state
      const { decision } = answer
      const replaced = decision.replace.length > 0
      fresh = fresh.map((one, i) =>
        decision.replace.includes(one.id) ? { ...one, id: `new-${i}.${salt}.${tick}` } : one,
      )
      if (replaced || Math.abs(decision.weight - weight) >= 0.00005) {
        const before = performance.now()
        await apply(decision.weight)
        applySeconds = Math.max(applySeconds, (performance.now() - before) / 1000)
        weight = decision.weight
      }
      const isOver = decision.action === 'roll-back' || decision.action === 'promote' || tick > options.mostSeconds
      if (isOver) {
        await apply(0)
        const { action, summary, protectedAfterSeconds, decidedAfterSeconds } = explain(state)
        return {
          action,
          failedRequests: failed.new,
          protectedSeconds: protectedAfterSeconds,
          decidedSeconds: decidedAfterSeconds,
          applySeconds,
          summary,
        }
      }
      await sleep(Math.max(0, began + (tick + 1) * TICK_MS - performance.now()))
    }
  }
  const end = async () => {
    await traffic.stop()
    for (const server of servers) server.close()
  }
  return { rollout, end }
}

/** Open loop: requests begin by chance at the mean rate, however slow the answers are. */
function startTraffic(port: number, perSecond: number, uniform: () => number): { stop(): Promise<void> } {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 })
  let running = true
  const loop = (async () => {
    let due = performance.now()
    while (running) {
      due += (-Math.log(1 - uniform()) / perSecond) * 1000
      const wait = due - performance.now()
      if (wait > 1) await sleep(wait)
      const sent = request({ host: '127.0.0.1', port, path: '/', agent }, (response) => response.resume())
      sent.on('error', () => {})
      sent.end()
    }
  })()
  return {
    stop: async () => {
      running = false
      await loop
      agent.destroy()
    },
  }
}
