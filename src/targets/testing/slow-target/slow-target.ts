import { SluiceError } from '../../../model/error.ts'
import { shareOf, type TrafficSplit } from '../../../model/traffic-split.ts'
import type { Clock } from '../../../support/clock.ts'
import { within } from '../../../support/deadline.ts'
import type { Answer, Runner, Target, Traffic, TrafficUsage, Witness } from '../../target.ts'
import type { TargetKind } from '../../target-kind.ts'
import type { DataPlaneAnswer } from './cloud.ts'
import { CloudClient, type Transport } from './cloud-client.ts'
import { slowFleets } from './fleets.ts'
import { capabilitiesOf, habits, isHabitsName } from './habits.ts'
import { Place } from './place.ts'
import { ROUTERS } from './routers.ts'

/**
 * A place with the habits of a cloud: seconds to look, minutes to launch, routers that hear of an order at different times,
 * figures that come late, reads that are throttled and tell of a while ago. What it can do is the environment's setting
 * `habits`. All of its time is the given clock's.
 */
export function slowTarget(options: { readonly clock: Clock; readonly transport: Transport }): TargetKind {
  const { clock, transport } = options
  return {
    name: 'slow',
    open({ key, settings }) {
      const name = isHabitsName(settings.habits) ? settings.habits : 'cloud'
      const client = new CloudClient({ clock, transport, habits: habits[name] })
      return targetAt(new Place({ environment: key, habits: name, clock, client }))
    },
  }
}

function targetAt(place: Place): Target {
  return {
    capabilities: capabilitiesOf(place.habits),
    fleets: slowFleets(place),
    traffic: trafficOf(place),
    witness: witnessOf(place),
    runner: runnerOf(place),
    deliver: (_artifact, { signal }) => place.clock.sleep(place.habits.staleMs, signal),
    resolve: async (settings) => settings,
  }
}

function trafficOf(place: Place): Traffic {
  return {
    shift: (split, options) =>
      within(`moving the traffic of ${place.environment}`, { ...options, clock: place.clock }, async (signal) => {
        const limits = { ...options, signal }
        await place.call('claim', { fence: options.fence }, limits)
        await assertReachable(place, split, limits)
        const number = await place.call('order', { split, fence: options.fence }, limits)
        // The record of an order is no proof: each router is asked what it goes by, until none goes by an older one.
        for (let router = 0; router < ROUTERS; router++) {
          for (;;) {
            const order = await place.call('askRouter', { router }, limits)
            if (order !== null && order.number > number) throw overtaken(place.environment)
            if (order?.number === number) break
            await place.clock.sleep(place.habits.staleMs / 4, signal)
          }
        }
      }),
    hold: async () => {
      throw new SluiceError('USAGE', 'this place cannot make requests wait', { hint: 'stop the traffic before it' })
    },
    urls: () => [`https://${place.environment}.slow.test/`],
    usage: () => usageOf(place),
  }
}

/** Less traffic is always allowed, or a broken release could not be left. */
async function assertReachable(
  place: Place,
  split: TrafficSplit,
  limits: { readonly signal: AbortSignal; readonly deadlineMs: number },
): Promise<void> {
  const { tasks } = await place.describe(limits)
  const now = await oldestSplit(place, limits)
  for (const release of [split.base, split.candidate]) {
    if (release === null || shareOf(release, split) <= shareOf(release, now)) continue
    if (tasks.some((task) => task.release === release && task.state === 'ready')) continue
    throw new SluiceError('NO_READY_INSTANCE', `no task of ${release} is ready: its users would get errors`, {
      hint: `look at it with \`sluice logs --release ${release}\``,
    })
  }
}

function overtaken(environment: string): SluiceError {
  return new SluiceError('STATE_CONFLICT', `another order moves the traffic of ${environment}`, {
    hint: 'the newer one goes on',
  })
}

/** What the slowest router goes by: only what all of them do is in force. */
async function oldestSplit(place: Place, limits: { readonly signal?: AbortSignal; readonly deadlineMs: number }) {
  const orders = await Promise.all(
    Array.from({ length: ROUTERS }, (_, router) => place.call('askRouter', { router }, limits)),
  )
  const numbers = orders.map((order) => order?.number ?? 0)
  return orders[numbers.indexOf(Math.min(...numbers))]?.split ?? null
}

async function usageOf(place: Place): Promise<TrafficUsage> {
  const limits = { deadlineMs: place.lookMs }
  const [usage, { tasks }, split] = await Promise.all([
    place.call('usage', {}, limits),
    place.describe(limits),
    oldestSplit(place, limits),
  ])
  const releases = [...new Set(tasks.map(({ release }) => release))]
  return {
    split,
    releases: Object.fromEntries(
      releases.map((release) => {
        const { inFlight = 0, lastRequestMs = null } = usage[release] ?? {}
        const healthyInstances = tasks.filter((task) => task.release === release && task.state === 'ready').length
        const lastRequestAt = lastRequestMs === null ? null : new Date(lastRequestMs).toISOString()
        return [release, { inFlight, lastRequestAt, healthyInstances }]
      }),
    ),
  }
}

function witnessOf(place: Place): Witness {
  const pollMs = place.habits.staleMs
  return {
    async *samples({ after, signal }) {
      let position = Number(after ?? 0)
      for (let isFirst = true; !signal.aborted; isFirst = false) {
        const batch = await place
          .call('samples', { after: position }, { signal, deadlineMs: place.lookMs })
          .catch(() => null) // asked again
        if (batch !== null && (isFirst || batch.samples.length > 0)) {
          position = batch.next
          yield { samples: batch.samples, cursor: String(position) }
        }
        await place.clock.sleep(pollMs, signal).catch(() => {})
      }
    },
    async *logs({ service, release, tail, follow, signal }) {
      const told = new Map<string, number>()
      do {
        const logs = await place.call('logs', { ids: null }, { deadlineMs: place.lookMs })
        for (const { lines, ...origin } of logs) {
          if ((service ?? origin.service) !== origin.service || (release ?? origin.release) !== origin.release) continue
          const from = told.get(origin.instance) ?? Math.max(0, lines.length - tail)
          for (const line of lines.slice(from)) yield { ...origin, line }
          told.set(origin.instance, lines.length)
        }
        await place.clock.sleep(pollMs, signal).catch(() => {})
      } while (follow && !signal.aborted)
    },
    ask: async (whom, { service }, limits) => {
      if (whom.route === 'public') return answerOf(await place.call('request', { takesMs: 0 }, limits))
      if (!place.habits.previews)
        return { status: null, release: null, detail: 'nobody can ask it before it has traffic' }
      const { release, instance = null } = whom
      return answerOf(await place.call('preview', { release: release.id, service, instance }, limits))
    },
  }
}

function answerOf({ status, release }: DataPlaneAnswer): Answer {
  return { status, release, detail: `${status ?? 'no answer'} from ${release ?? 'the router'}` }
}

/** A command is a task of its own: it takes as long to start as any. */
function runnerOf(place: Place): Runner {
  return {
    async run(release, { service, env = {} }, { signal }) {
      const [startMs] = place.habits.startMs
      await place.clock.sleep(startMs, signal)
      const own = release.services.find(({ name }) => name === service)?.env ?? {}
      return { exitCode: Number({ ...own, ...env }.APP_EXIT_CODE ?? 0) }
    },
  }
}
