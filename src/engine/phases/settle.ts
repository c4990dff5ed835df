import { isSluiceError } from '../../model/error.ts'
import { rememberServing } from '../../store/environments.ts'
import { currentFence, releaseLease } from '../../store/leases.ts'
import { keepRelease } from '../../store/releases.ts'
import type { EngineContext } from '../context.ts'
import type { DeploymentRun } from '../run.ts'
import { shiftTo } from './shift.ts'

const RETIRE_SLACK_MS = 30_000

/** Makes the new release the base and takes the old fleet away. A newer deployment may already be under way. */
export async function settle(context: EngineContext, run: DeploymentRun): Promise<void> {
  await context.journal.move(run.deployment, 'settling')
  await context.journal.step(
    run.deployment,
    'settle',
    async () => {
      const signal = AbortSignal.timeout(10 * 60_000)
      await becomeBase(context, run, signal)
      await releaseLease(context.database, run.environment, run.deployment)
      return run.base === null ? null : retire(context, run, run.base.id, signal)
    },
    (detail) => detail,
  )
  await context.journal.move(run.deployment, 'succeeded')
}

async function becomeBase(context: EngineContext, run: DeploymentRun, signal: AbortSignal): Promise<void> {
  try {
    await shiftTo(context, run, { base: run.release.id, candidate: null, weight: 0, salt: run.deployment }, signal)
  } catch (error) {
    // A newer deployment holds the traffic by now, and its base is this release already.
    if (!(isSluiceError(error) && error.code === 'FENCED')) throw error
  }
}

async function retire(
  context: EngineContext,
  run: DeploymentRun,
  release: string,
  signal: AbortSignal,
): Promise<string> {
  const drainMs = Math.max(0, ...(run.base?.services ?? []).map((service) => service.drainMs + service.stopGraceMs))
  const { stopped, cut } = await context.target.retire(run.environment, release, {
    signal,
    deadlineMs: drainMs + RETIRE_SLACK_MS,
    fence: await currentFence(context.database, run.environment),
  })
  await keepRelease(context.database, release)
  await rememberServing(context.database, run.environment, { release: run.release.id, warmRelease: null })
  return `${stopped.length} instances of ${release} stopped${cut > 0 ? `, ${cut} connections cut at the deadline` : ''}`
}
