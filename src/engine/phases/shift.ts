import type { TrafficSplit } from '../../model/traffic-split.ts'
import { rememberServing, rememberSplit } from '../../store/environments.ts'
import { setReleaseState } from '../../store/releases.ts'
import { fullCounts } from '../../strategy/counts.ts'
import type { EngineContext } from '../context.ts'
import { seenAnswering } from '../evidence.ts'
import { patienceWith } from '../patience.ts'
import type { DeploymentRun } from '../run.ts'
import { scaleTo } from './launch.ts'

/** Sets the share of visitors that the new release gets; resolves when all routers do it. */
export async function setWeight(
  context: EngineContext,
  run: DeploymentRun,
  weight: number,
  why: string | null,
  signal: AbortSignal,
): Promise<void> {
  // Before the first visitor nothing is shifted: a release that is refused by then was seen by nobody.
  if (weight > 0) await context.journal.move(run.deployment, 'shifting').catch(ignoreWhenBaking)
  await shiftTo(context, run, splitAt(run, weight), signal)
  await context.journal.weight(run.deployment, weight, why)
}

export async function shiftTo(
  context: EngineContext,
  run: Pick<DeploymentRun, 'environment' | 'lease'>,
  split: TrafficSplit,
  signal: AbortSignal,
): Promise<void> {
  const target = context.targets.of(run.environment)
  const deadlineMs = patienceWith(target.capabilities).shiftMs
  await target.traffic.shift(split, { signal, deadlineMs, fence: run.lease.fence })
  await rememberSplit(context.database, run.environment, split)
}

/** At 100 % the old release stays the base until the bake ends: going back is one number. */
export function splitAt(run: DeploymentRun, weight: number): TrafficSplit {
  return run.base === null
    ? { base: run.release.id, candidate: null, weight: 0, salt: run.deployment }
    : { base: run.base.id, candidate: run.release.id, weight, salt: run.deployment }
}

/** A step of the plan that sets a weight at once, without a look of the judge. */
export async function shift(context: EngineContext, run: DeploymentRun, name: string, weight: number): Promise<void> {
  await context.journal.step(
    run.deployment,
    name,
    () => context.mailbox.heed(run.deployment, (signal) => setWeight(context, run, weight, null, signal)),
    () => shifted(run, weight),
  )
}

export function shifted(run: DeploymentRun, weight: number): string {
  return `${Math.round(weight * 100)} % on ${run.release.id}`
}

/**
 * All traffic is on the new release and it was seen answering on the public route: from now on it is what the
 * environment serves. Its workers start now.
 */
export async function promote(context: EngineContext, run: DeploymentRun): Promise<void> {
  await context.journal.step(
    run.deployment,
    'serving',
    () =>
      context.mailbox.heed(run.deployment, async (signal) => {
        const seen = await seenAnswering(context, run.release, signal)
        await scaleTo(context, run, { release: run.release, counts: fullCounts(run.release.services), signal })
        await rememberServing(context.database, run.environment, {
          release: run.release.id,
          warmRelease: run.base?.id ?? null,
        })
        await setReleaseState(context.database, run.release.id, 'serving')
        if (run.base !== null) await setReleaseState(context.database, run.base.id, 'warm')
        await context.journal.serving(run.deployment)
        return seen
      }),
    (seen) => seen,
  )
}

/** The judge may lower the weight during the bake: the deployment stays baking then. */
function ignoreWhenBaking(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'STATE_CONFLICT')) throw error
}
