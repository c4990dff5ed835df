import { isSluiceError, SluiceError } from '../../model/error.ts'
import { listDeployments } from '../../store/deployments.ts'
import { rememberServing } from '../../store/environments.ts'
import { jsonb } from '../../store/jsonb.ts'
import { releaseLease } from '../../store/leases.ts'
import { keepRelease, setReleaseState } from '../../store/releases.ts'
import { recordRollback } from '../../store/rollbacks.ts'
import { within } from '../../support/deadline.ts'
import type { EngineContext } from '../context.ts'
import { patienceWith } from '../patience.ts'
import { type Phase, planned } from '../phase.ts'
import { retireWhenLeft } from '../retirement.ts'
import type { DeploymentRun } from '../run.ts'
import { shiftTo } from '../steps/shift.ts'

/** The old fleet goes. What is done by now stays. */
export const settle: Phase = planned({
  name: 'settle',
  state: 'settling',
  interrupt: 'at-safe-point',
  run: (context, flow, run) => flow.step('settle', () => settleDown(context, run)),
})

/** The same, and the release that was left is not gone back to by itself. */
export const settleRollback: Phase = planned({
  name: 'settle',
  state: 'settling',
  interrupt: 'at-safe-point',
  run: async (context, flow, run) => {
    await flow.step('hold', () => holdReleaseLeft(context, run))
    await flow.step('settle', () => settleDown(context, run))
  },
})

/**
 * Makes the new release the base and takes the old fleet away. A newer deployment may already be under way. All traffic
 * is on the new release by now: that what is old did not go does not make the deployment fail, but it is said.
 */
async function settleDown(context: EngineContext, run: DeploymentRun): Promise<void> {
  // A crash may lie between the outcome and its record: this step runs again then, with nothing left to do.
  if ((await context.journal.load(run.deployment)).finished_at !== null) return
  await context.journal.move(run.deployment, 'settling')
  const left = await settled(context, run)
  await releaseLease(context.database, run.environment, run.deployment)
  await context.journal.move(run.deployment, 'succeeded', left === null ? {} : { reason: jsonb(left) })
}

async function holdReleaseLeft(context: EngineContext, run: DeploymentRun): Promise<void> {
  const row = await context.journal.load(run.deployment)
  if (row.serving_at !== null) {
    await recordRollback(context.database, {
      activity: run.deployment,
      environment: run.environment,
      seconds: (row.serving_at.getTime() - row.created_at.getTime()) / 1000,
      way: 'launch',
    })
  }
  if (run.base !== null) {
    await setReleaseState(context.database, run.base.id, 'on-hold', `rolled back by ${run.by}`)
  }
}

/** Twice what a retirement may take at this place, and at least as long as anything of old may need to go. */
function settleMs(context: EngineContext, run: DeploymentRun): number {
  const { leftMs, restoreMs, retireMs } = patienceWith(context.targets.of(run.environment).capabilities)
  return leftMs + 2 * Math.max(restoreMs, retireMs(run.base))
}

/** What went wrong, in words for a person; null when nothing did. */
async function settled(context: EngineContext, run: DeploymentRun): Promise<SluiceError | null> {
  try {
    await context.journal.step(
      run.deployment,
      'settle',
      () =>
        within('settling', { deadlineMs: settleMs(context, run), clock: context.clock }, async (signal) => {
          await becomeBase(context, run, signal)
          await releaseLease(context.database, run.environment, run.deployment)
          return retireOld(context, run, signal)
        }),
      (detail) => detail,
    )
    return null
  } catch (error) {
    if (!isSluiceError(error)) throw error
    return notSettled(run.environment, error)
  }
}

export function notSettled(environment: string, error: SluiceError): SluiceError {
  return new SluiceError(error.code, `the old release could not be taken away: ${error.message}`, {
    hint: `the next deployment tries again; look at \`sluice status ${environment}\``,
    details: error.details,
  })
}

async function becomeBase(context: EngineContext, run: DeploymentRun, signal: AbortSignal): Promise<void> {
  try {
    await shiftTo(context, run, { base: run.release.id, candidate: null, weight: 0, salt: run.deployment }, signal)
  } catch (error) {
    // A newer deployment holds the traffic by now, and its base is this release already.
    if (!(isSluiceError(error) && error.code === 'FENCED')) throw error
  }
}

async function retireOld(context: EngineContext, run: DeploymentRun, signal: AbortSignal): Promise<string | null> {
  const old = await releasesToRetire(context, run)
  const details: string[] = []
  for (const release of old) details.push(await retire(context, run, release, signal))
  if (run.base !== null) {
    await keepRelease(context.database, run.base.id)
    await rememberServing(context.database, run.environment, { release: run.release.id, warmRelease: null })
  }
  return details.length === 0 ? null : details.join('; ')
}

/** The old fleet, and what an earlier deployment could not take away; never what another deployment works on. */
async function releasesToRetire(context: EngineContext, run: DeploymentRun): Promise<string[]> {
  const { fleets } = await context.targets.of(run.environment).fleets.inspect()
  const running = await listDeployments(context.database, { environment: run.environment, running: true, limit: 50 })
  const others = running.filter(({ id }) => id !== run.deployment)
  const wanted = new Set([run.release.id, ...others.flatMap((other) => [other.release, other.previous_release])])
  const found = fleets.map(({ release }) => release).filter((release) => !wanted.has(release))
  return [...new Set([...(run.base === null ? [] : [run.base.id]), ...found])]
}

async function retire(
  context: EngineContext,
  { environment }: DeploymentRun,
  release: string,
  signal: AbortSignal,
): Promise<string> {
  const { stopped, cut } = await retireWhenLeft(context, { environment, release, hadUsers: true }, signal)
  return `${stopped.length} instances of ${release} stopped${cut > 0 ? `, ${cut} connections cut at the deadline` : ''}`
}
