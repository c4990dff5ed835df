import { SluiceError } from '../../../model/error.ts'
import type { Fleet, Instance } from '../../../model/instance.ts'
import type { ReleaseRecord, ReleaseService } from '../../../model/release.ts'
import { shareOf } from '../../../model/traffic-split.ts'
import { deadline, within } from '../../../support/deadline.ts'
import type { Fleets, MutationOptions } from '../../target.ts'
import { faultOf } from './faults.ts'
import type { Place } from './place.ts'
import { ROUTERS } from './routers.ts'
import type { SeenTask } from './tasks.ts'

type Scale = MutationOptions & { readonly replace?: readonly string[] }

/** What has to be there of one service. */
interface Wanted {
  readonly service: ReleaseService
  readonly count: number
}

/** Until what was started in vain is gone again. */
const UNDO_MS = 120_000

export function slowFleets(place: Place): Fleets {
  return {
    inspect: async () => {
      const { fence, tasks } = await place.describe({ deadlineMs: place.lookMs })
      const releases = [...new Set(tasks.map(({ release }) => release))]
      return { fence, fleets: releases.map((release) => fleetOf(place, release, tasks)) }
    },

    async scale(release, counts, options) {
      const { signal, done } = deadline(`bringing up ${release.id}`, { ...options, clock: place.clock })
      try {
        await place.call('claim', { fence: options.fence }, { ...options, signal })
        const wanted = Object.entries(counts).flatMap(([name, count]) => {
          const service = release.services.find((each) => each.name === name)
          return service === undefined || (service.kind !== 'web' && service.kind !== 'worker')
            ? []
            : [{ service, count }]
        })
        const before = await ownTasks(place, release.id, signal, options)
        try {
          await grow(place, release, wanted, { ...options, signal })
        } catch (error) {
          await undo(place, release.id, before, options)
          throw error
        }
        await shrink(place, release, wanted, { ...options, signal })
        await place.settle(signal)
        return fleetOf(place, release.id, await ownTasks(place, release.id, signal, options))
      } finally {
        done()
      }
    },

    retire: (release, options) =>
      within(`retiring ${release}`, { ...options, clock: place.clock }, async (signal) => {
        await place.call('claim', { fence: options.fence }, { ...options, signal })
        for (let router = 0; router < ROUTERS; router++) {
          const order = await place.call('askRouter', { router }, { ...options, signal })
          if (shareOf(release, order?.split ?? null) === 0) continue
          throw new SluiceError('STATE_CONFLICT', `traffic still leads to ${release}`, { hint: 'shift it away first' })
        }
        // A read may not show yet what another has just started.
        await place.settle(signal)
        const tasks = await ownTasks(place, release, signal, options)
        const drainMs = place.drainMsOf(release)
        const { stopped, cut } = await sayFarewell(place, tasks, drainMs, { ...options, signal })
        await place.settle(signal)
        return { stopped, cut }
      }),
  }
}

/** Looks until every service has its count of ready tasks; what is missing is started, however often it is looked. */
async function grow(place: Place, release: ReleaseRecord, wanted: readonly Wanted[], options: Scale): Promise<void> {
  const { replace = [], fence } = options
  place.rememberDrain(release)
  for (;;) {
    for (const { service, count } of wanted) {
      for (let index = 0; index < count; index++) {
        const { id, name, routes } = { id: release.id, name: service.name, routes: service.routes }
        const { fault, exitCode } = faultOf(service.env)
        const task = { release: id, service: name, index, not: replace, isRouted: routes.length > 0, fault, exitCode }
        await place.call('run', { fence, task }, options)
      }
    }
    const tasks = (await ownTasks(place, release.id, options.signal, options)).filter(({ id }) => !replace.includes(id))
    for (const { service } of wanted) await assertComing(place, service, tasks, options)
    const isThere = ({ service, count }: Wanted) =>
      tasks.filter((task) => task.service === service.name && task.state === 'ready').length >= count
    if (wanted.every(isThere)) return
    await place.clock.sleep(place.lookMs / 4, options.signal)
  }
}

/** Tasks over and above the counts go, when those that stay are ready. */
async function shrink(place: Place, release: ReleaseRecord, wanted: readonly Wanted[], options: Scale): Promise<void> {
  const { replace = [] } = options
  const tasks = await ownTasks(place, release.id, options.signal, options)
  const surplus = tasks.filter((task) => {
    const count = wanted.find(({ service }) => service.name === task.service)?.count
    return count !== undefined && (task.index >= count || replace.includes(task.id))
  })
  await sayFarewell(place, surplus, place.drainMsOf(release.id), options)
}

/** Routers forget the tasks, what is open is answered, and only then they are ended. */
async function sayFarewell(place: Place, tasks: readonly SeenTask[], drainMs: number, options: MutationOptions) {
  const ids = tasks.map(({ id }) => id)
  if (ids.length === 0) return { stopped: ids, cut: 0 }
  const { fence, signal } = options
  await place.call('deregister', { ids, fence }, options)
  const isKnown = async () => {
    await place.settle(signal)
    return (await place.describe(options)).tasks.some((task) => ids.includes(task.id) && task.isKnown)
  }
  while (await isKnown()) await place.clock.sleep(place.lookMs / 4, signal)
  const untilMs = place.clock.monotonicMs() + drainMs
  while (place.clock.monotonicMs() < untilMs && (await place.call('openRequests', { ids }, options)) > 0) {
    await place.clock.sleep(place.lookMs / 4, signal)
  }
  const cut = await place.call('stop', { ids, fence }, options)
  return { stopped: ids, cut }
}

/** A launch that failed, or that nobody wants any more, leaves nothing behind. */
async function undo(
  place: Place,
  release: string,
  before: readonly SeenTask[],
  options: MutationOptions,
): Promise<void> {
  const stays = before.filter(({ state }) => state === 'ready').map(({ id }) => id)
  const { fence } = options
  const own = { signal: new AbortController().signal, deadlineMs: UNDO_MS }
  // What was started in the last seconds is not shown yet.
  await place.settle(own.signal)
  const ids = (await ownTasks(place, release, own.signal, own)).map(({ id }) => id).filter((id) => !stays.includes(id))
  if (ids.length > 0) await place.call('stop', { ids, fence }, own)
  await place.settle(own.signal)
}

async function assertComing(
  place: Place,
  service: ReleaseService,
  tasks: readonly SeenTask[],
  options: Scale,
): Promise<void> {
  for (const task of tasks.filter((each) => each.service === service.name && each.fault !== null)) {
    const isLate = task.runsForMs > service.health.readyMs
    if (task.state !== 'exited' && !isLate) continue
    const [found] = await place.call('logs', { ids: [task.id] }, options)
    throw launchFailure(task, service, found?.lines ?? [])
  }
}

function launchFailure(task: SeenTask, { name, health }: ReleaseService, logTail: readonly string[]): SluiceError {
  const details = { instance: task.id, release: task.release, service: name, exitCode: task.exitCode, logTail }
  const hint = `read its log with \`sluice logs ${name}\``
  if (task.state === 'exited') {
    return new SluiceError('INSTANCE_CRASHED', `${name} exited with code ${task.exitCode}`, { hint, details })
  }
  if (task.fault === 'unhealthy') {
    return new SluiceError('INSTANCE_UNHEALTHY', `${name} answers GET ${health.path} with 500`, { hint, details })
  }
  if (task.fault === 'silent') {
    return new SluiceError('INSTANCE_NEVER_READY', `${name} does not answer GET ${health.path}`, { hint, details })
  }
  return new SluiceError('INSTANCE_NOT_LISTENING', `${name} opened no port`, { hint, details })
}

/** Those that are not going already. */
async function ownTasks(
  place: Place,
  release: string,
  signal: AbortSignal,
  options: { readonly deadlineMs: number },
): Promise<readonly SeenTask[]> {
  const { tasks } = await place.describe({ signal, deadlineMs: options.deadlineMs })
  return tasks.filter((task) => task.release === release && task.state !== 'stopping')
}

function fleetOf({ environment }: Place, release: string, tasks: readonly SeenTask[]): Fleet {
  const instances = tasks
    .filter((task) => task.release === release)
    .map(
      ({ id, service, index, state, startedAtMs }): Instance => ({
        id,
        environment,
        release,
        service,
        index,
        state,
        startedAt: new Date(startedAtMs).toISOString(),
        restarts: 0,
      }),
    )
  return { environment, release, instances: instances.toSorted((a, b) => a.id.localeCompare(b.id)) }
}
