import { hasUsers } from '../model/deployment.ts'
import { isSluiceError } from '../model/error.ts'
import type { ReleaseRecord } from '../model/release.ts'
import { listDeployments } from '../store/deployments.ts'
import { type EnvironmentRow, listEnvironments } from '../store/environments.ts'
import { currentFence } from '../store/leases.ts'
import { getRelease } from '../store/releases.ts'
import { fullCounts } from '../strategy/counts.ts'
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
  const signal = AbortSignal.any([stopping, AbortSignal.timeout(restoreMs)])
  const options = { signal, deadlineMs: restoreMs, fence }
  for (const record of await releasesThatShouldRun(context, environment)) {
    await context.databases.urlFor(record, signal)
    signal.throwIfAborted()
    await target.deliver(record.artifact, options)
    await target.fleets.scale(record, fullCounts(record.services), options)
  }
  const { split } = environment
  if (split?.base == null) return
  await target.traffic.shift(split, options)
  await restoreHolds(context, environment)
}

/** What serves, what is warm, and what a running deployment may be shifting to (its own steps bring that up). */
async function releasesThatShouldRun(context: EngineContext, environment: EnvironmentRow): Promise<ReleaseRecord[]> {
  const running = await listDeployments(context.database, { environment: environment.key, running: true, limit: 50 })
  const baking = running.filter((row) => hasUsers(row.state)).map((row) => row.release)
  const ids = new Set([environment.release, environment.warm_release, ...baking].filter((id) => id !== null))
  return Promise.all([...ids].map(async (id) => (await getRelease(context.database, id)).record))
}
