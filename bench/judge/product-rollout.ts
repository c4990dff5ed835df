import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Installation, installation, must } from '../../e2e/support/installation.ts'
import { startTraffic } from '../../e2e/support/traffic/start.ts'
import type { Traffic } from '../../e2e/support/traffic/traffic.ts'
import { Sluice } from '../demo/sluice.ts'
import { type Cell, type Lane, OLD_RATE, paths } from './product-cells.ts'

const ENVIRONMENT = 'production'
/** The default policy of the product but for the bake, which is ten minutes. */
const STRATEGY = { name: 'canary', bake: '5s' } as const
const WARM_UP_SECONDS = 60
/** A weight is in force a moment before it is told. */
const SHIFT_MS = 500
/** A rollout may wait half an hour for evidence; no benchmark does. */
const MOST_SECONDS = 900

/** What one deployment came to, as seen from outside; times in seconds from the first weight in force. */
export interface Rollout {
  readonly outcome: string
  /** Until the weight was 0 for the first time; null: never. */
  readonly withdrawnAfter: number | null
  /** Until the rollback or until all traffic was on the new release. */
  readonly decidedAfter: number
  /** Answers of the new release until then, as its users counted them. */
  readonly requests: number
  readonly failedRequests: number
  /** From the last failure before the first withdrawal to the weight in force: arriving, being told, judged and acted upon. */
  readonly reactionSeconds: number | null
  /** Requests that the new release got after its withdrawal was said to be in force and before its next chance. */
  readonly requestsAfterWithdrawal: number
  /** How long the old release had served before. */
  readonly historySeconds: number
  readonly summary: string
}

export interface Place {
  rollout(cell: Cell): Promise<Rollout>
  end(): Promise<void>
}

interface Told {
  readonly at: number
  readonly type: string
  readonly data: Readonly<Record<string, unknown>>
}

/** A home, a control plane, an edge, an old release and its visitors. */
export async function startPlace(lane: Lane, signal: AbortSignal): Promise<Place> {
  const { instances, requestsPerSecond } = lane
  const place = await installation({ environments: { [ENVIRONMENT]: STRATEGY }, instances })
  let traffic: Traffic | undefined
  const end = async () => {
    await traffic?.stop()
    await place.remove()
  }
  try {
    await place.commit(switchesOf(lane))
    must(await place.sluice('deploy', ENVIRONMENT), 'succeeded')
    const own: Traffic = await startTraffic({
      target: `http://127.0.0.1:${place.ports[ENVIRONMENT]}`,
      requestsPerSecond,
      keepFailures: 1_000_000,
      isolate: true,
      clients: Object.entries(paths).map(([path, share]) => ({
        kind: 'keep-alive' as const,
        name: path,
        path,
        share,
        connections: 32,
      })),
    })
    traffic = own
    let servesSince = Date.now()
    await sleep(WARM_UP_SECONDS * 1000, undefined, { signal })
    let count = 0
    return {
      rollout: async (cell) => {
        const historySeconds = (Date.now() - servesSince) / 1000
        count += 1
        await place.commit(switchesOf(lane, cell, join(place.home, `bad-instance-${count}`)))
        const rollout = await deploy(place, own, signal)
        if (rollout.outcome === 'succeeded') servesSince = Date.now()
        return { ...rollout, historySeconds }
      },
      end,
    }
  } catch (error) {
    await end()
    throw error
  }
}

async function deploy(
  place: Installation,
  traffic: Traffic,
  signal: AbortSignal,
): Promise<Omit<Rollout, 'historySeconds'>> {
  const sluice = new Sluice({ home: place.home, projectDir: place.project, signal })
  const told: Told[] = []
  const began = Date.now()
  const { document } = await sluice.stream(
    ['deploy', ENVIRONMENT],
    ({ at, type, data }) => {
      if (typeof at === 'string' && typeof data === 'object')
        told.push({ at: Date.parse(at), type: String(type), data: data as Told['data'] })
    },
    MOST_SECONDS * 1000,
  )
  const ended = Date.now()
  let outcome = String(document['status'])
  if (outcome === 'waiting') {
    outcome = 'asks a person'
    await place.sluice('rollback', ENVIRONMENT)
  }
  const weights = told.filter(({ type }) => type === 'deployment.weight')
  const first = weights.find(({ data }) => Number(data['weight']) > 0)
  if (first === undefined) throw new Error(`no traffic was moved: ${JSON.stringify(document).slice(0, 600)}`)
  const withdrawn = weights.find(({ at, data }) => at > first.at && data['weight'] === 0)
  const serving = told.find(({ data }) => data['serving'] === true)
  const decided = serving?.at ?? told.find(({ data }) => data['state'] === 'compensating')?.at ?? ended
  const stats = await traffic.stats({ from: began, until: serving === undefined ? ended : decided })
  const release = String(document['release'])
  const known = stats.releases[release]
  const again = weights.find(
    ({ at, data }) => withdrawn !== undefined && at > withdrawn.at && Number(data['weight']) > 0,
  )
  const late =
    withdrawn === undefined ? null : await traffic.stats({ from: withdrawn.at, until: (again?.at ?? ended) - SHIFT_MS })
  const decisive = stats.failures
    .filter((failure) => failure.release === release)
    .map(({ at, afterMs }) => Date.parse(at) - afterMs)
    .filter((at) => withdrawn !== undefined && at <= withdrawn.at)
    .at(-1)
  const verdict = document['verdict'] as { summary?: string } | null | undefined
  return {
    outcome,
    withdrawnAfter: withdrawn === undefined ? null : (withdrawn.at - first.at) / 1000,
    decidedAfter: (decided - first.at) / 1000,
    requests: known?.requests ?? 0,
    failedRequests: known?.failed ?? 0,
    reactionSeconds: withdrawn === undefined || decisive === undefined ? null : (withdrawn.at - decisive) / 1000,
    requestsAfterWithdrawal: late?.releases[release]?.requests ?? 0,
    summary: verdict?.summary ?? '',
  }
}

function switchesOf(lane: Lane, cell?: Cell, onceFile?: string): Record<string, string> {
  const { latencyMedianMs } = lane
  return {
    APP_ERROR_RATE: String(OLD_RATE),
    ...(latencyMedianMs === undefined ? {} : { APP_LATENCY_MEDIAN_MS: String(latencyMedianMs) }),
    ...(cell === undefined ? {} : { APP_FAULT_RATE: String(cell.faultRate) }),
    ...(cell?.faultPath === undefined ? {} : { APP_FAULT_PATH: cell.faultPath }),
    ...(cell?.oneInstance === true && onceFile !== undefined ? { APP_FAULT_ONCE: onceFile } : {}),
    ...(cell?.latency?.factor === undefined ? {} : { APP_LATENCY_FACTOR: String(cell.latency.factor) }),
  }
}
