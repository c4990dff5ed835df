import { hasUsers, type Outcome } from '../model/deployment.ts'
import { isSluiceError, SluiceError } from '../model/error.ts'
import { jsonb } from '../store/jsonb.ts'
import { releaseLease } from '../store/leases.ts'
import { setReleaseState } from '../store/releases.ts'
import { messageOf } from '../support/message-of.ts'
import type { EngineContext } from './context.ts'
import type { Phase, TakingBack } from './phase.ts'
import { takeLeaseBack } from './phases/admit.ts'
import { notSettled } from './phases/settle.ts'
import type { DeploymentRun } from './run.ts'

/** Ends a deployment that was never admitted: nothing was touched, so there is nothing to take back. */
export async function giveUp(context: EngineContext, deployment: string, error: unknown): Promise<void> {
  const reason = toSluiceError(error)
  const row = await context.journal.load(deployment)
  if (row.finished_at !== null) return
  await releaseLease(context.database, row.environment, deployment)
  await context.journal.move(deployment, outcomeOf(reason, false), { reason: jsonb(reason) })
}

/** Whether users may have been served by the new release: asked before anything is taken back. */
export async function hadTraffic(context: EngineContext, deployment: string): Promise<boolean> {
  const { state } = await context.journal.load(deployment)
  return hasUsers(state)
}

/** Takes back what the phases did, newest first: traffic, then the new fleet. */
export async function compensate(
  context: EngineContext,
  phases: readonly Phase[],
  run: DeploymentRun,
  error: unknown,
  hadTraffic: boolean,
): Promise<void> {
  const before = await context.journal.load(run.deployment)
  if (before.finished_at !== null) return
  const sinceMs = context.clock.monotonicMs()
  await context.journal.move(run.deployment, 'compensating')
  const reason = explained(toSluiceError(error), run)
  try {
    const lease = await takeLeaseBack(context, before)
    const taking: TakingBack = { ...run, lease, hadTraffic, sinceMs }
    for (const phase of phases.toReversed()) await phase.takeBack?.(context, taking)
    if (hadTraffic) await setReleaseState(context.database, run.release.id, 'on-hold', reason.message)
    await releaseLease(context.database, run.environment, run.deployment)
    await context.journal.move(run.deployment, outcomeOf(reason, hadTraffic), { reason: jsonb(reason) })
  } catch (failure) {
    if (!hadTraffic || !isSluiceError(failure)) throw failure
    const failed = rollbackFailed(run.environment, reason, failure)
    await releaseLease(context.database, run.environment, run.deployment)
    await context.journal.move(run.deployment, 'rollback-failed', { reason: jsonb(failed) })
  }
}

/** The last resort: what could not be taken back ends all the same and says so, and holds nobody up. */
export async function endUnfinished(
  context: EngineContext,
  deployment: string,
  met: { readonly error: unknown; readonly failure: unknown; readonly hadTraffic: boolean },
): Promise<void> {
  const { journal } = context
  const { environment, finished_at, state } = await journal.load(deployment)
  if (finished_at !== null) return
  const [because, failure] = [toSluiceError(met.error), toSluiceError(met.failure)]
  await releaseLease(context.database, environment, deployment)
  // All traffic is on the new release: there is nothing to take back, only something left over.
  if (state === 'settling') {
    await journal.move(deployment, 'succeeded', { reason: jsonb(notSettled(environment, because)) })
    return
  }
  if (!met.hadTraffic) {
    const reason = new SluiceError(because.code, because.message, {
      hint: `what it started could not be removed (${failure.message}): look at \`sluice status ${environment}\``,
      problems: because.problems,
      details: { ...because.details, failure: failure.toJSON() },
    })
    await journal.move(deployment, outcomeOf(reason, false), { reason: jsonb(reason) })
    return
  }
  await journal.move(deployment, 'compensating')
  await journal.move(deployment, 'rollback-failed', { reason: jsonb(rollbackFailed(environment, because, failure)) })
}

function rollbackFailed(environment: string, because: SluiceError, failure: SluiceError): SluiceError {
  return new SluiceError('ROLLBACK_FAILED', `the rollback failed too: ${failure.message}`, {
    hint: `look at \`sluice status ${environment}\` and run \`sluice rollback ${environment}\`; it began because ${because.message}`,
    cause: failure,
    details: { because: because.toJSON(), failure: failure.toJSON() },
  })
}

function outcomeOf(reason: SluiceError, hadTraffic: boolean): Outcome {
  if (reason.code === 'CANCELLED') return 'cancelled'
  if (reason.code === 'SUPERSEDED') return 'superseded'
  return hadTraffic ? 'rolled-back' : 'failed'
}

function toSluiceError(error: unknown): SluiceError {
  if (isSluiceError(error)) return error
  const message = messageOf(error)
  return new SluiceError('UNEXPECTED', `the deployment met an error of ours: ${message}`, {
    hint: 'this is a bug of Sluice; the control plane log has the details',
    cause: error,
  })
}

function explained(reason: SluiceError, run: DeploymentRun): SluiceError {
  if (run.base !== null) return reason
  const note = 'this was the first deployment here: there is nothing to go back to, so nothing serves now'
  return new SluiceError(reason.code, reason.message, {
    hint: reason.hint === undefined ? note : `${reason.hint}; ${note}`,
    problems: reason.problems,
    details: reason.details,
  })
}
