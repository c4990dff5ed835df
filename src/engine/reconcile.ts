import { hasUsers, isMoving } from '../model/deployment.ts'
import { isSluiceError } from '../model/error.ts'
import type { ReleaseRecord } from '../model/release.ts'
import { listDeployments } from '../store/deployments.ts'
import { type EnvironmentRow, getEnvironment, listEnvironments } from '../store/environments.ts'
import { currentFence } from '../store/leases.ts'
import { getRelease } from '../store/releases.ts'
import { fullCounts } from '../strategy/counts.ts'
import { within } from '../support/deadline.ts'
import type { EngineContext } from './context.ts'
import { restoreHolds } from './holds.ts'
import { patienceWith } from './patience.ts'

/**
 * After a start, every fleet that should run does: adopted where it lives, launched again where it does not (a reboot,
 * a crash while nobody watched). Traffic is set to the split that was last ordered. Answers with the work on each
 * environment, which never rejects.
 */
export async function reconcileAll(
  context: EngineContext,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Promise<void>>> {
  const environments = await listEnvironments(context.database)
  return new Map(
    environments.map((environment) => [environment.key, reconcileOrTell(context, environment, signal)] as const),
  )
}

async function reconcileOrTell(
  context: EngineContext,
  environment: EnvironmentRow,
  signal: AbortSignal,
): Promise<void> {
  try {
    await reconcile(context, environment, signal)
  } catch (error) {
    if (signal.aborted) return
    const text = isSluiceError(error) ? `${error.code}: ${error.message}` : String(error)
    context.log.error(`${environment.key} could not be brought back: ${text}`)
    const data = { state: 'not-restored', reason: text }
    await context.events
      .append({ type: 'instance.state', environment: environment.key, activity: null, data })
      .catch(() => {}) // said in the log
  }
}

async function reconcile(context: EngineContext, environment: EnvironmentRow, stopping: AbortSignal): Promise<void> {
  const fence = await currentFence(context.database, environment.key)
  const target = context.targets.of(environment.key)
  const { restoreMs } = patienceWith(target.capabilities)
  const limits = { deadlineMs: restoreMs, signal: stopping, clock: context.clock }
  const waiting = await withUsers(context, environment.key)
  await within(`bringing back ${environment.key}`, limits, async (signal) => {
    const options = { signal, deadlineMs: restoreMs, fence }
    for (const record of await releasesThatShouldRun(context, environment)) {
      await context.databases.urlFor(record, signal)
      signal.throwIfAborted()
      await target.deliver(record.artifact, options)
      await target.fleets.scale(record, fullCounts(record.services), options)
    }
    const split = await splitToRestore(context, environment.key, waiting)
    if (split?.base == null) return
    await target.traffic.shift(split, options)
    await restoreHolds(context, environment)
  })
}

/** Deployments that wait until their environment is back. */
async function withUsers(context: EngineContext, environment: string): Promise<ReadonlySet<string>> {
  const running = await listDeployments(context.database, { environment, running: true, limit: 50 })
  return new Set(running.filter(({ state }) => hasUsers(state)).map(({ id }) => id))
}

/**
 * Asked anew, as bringing back fleets may have taken minutes. A deployment that moves the traffic by now sets its own split:
 * what was in force before may be long past.
 */
async function splitToRestore(
  context: EngineContext,
  environment: string,
  waiting: ReadonlySet<string>,
): Promise<EnvironmentRow['split']> {
  const running = await listDeployments(context.database, { environment, running: true, limit: 50 })
  const isMoved = running.some(({ id, state }) => isMoving(state) && !(hasUsers(state) && waiting.has(id)))
  return isMoved ? null : (await getEnvironment(context.database, environment)).split
}

/** What serves, what is warm, and what a running deployment may be shifting to (its own steps bring that up). */
async function releasesThatShouldRun(context: EngineContext, environment: EnvironmentRow): Promise<ReleaseRecord[]> {
  const running = await listDeployments(context.database, { environment: environment.key, running: true, limit: 50 })
  const baking = running.filter((row) => hasUsers(row.state)).map((row) => row.release)
  const ids = new Set([environment.release, environment.warm_release, ...baking].filter((id) => id !== null))
  return Promise.all([...ids].map(async (id) => (await getRelease(context.database, id)).record))
}
