import type { TrafficSplit } from '../../model/traffic-split.ts'
import { rememberSplit } from '../../store/environments.ts'
import type { EngineContext } from '../context.ts'
import { patienceWith } from '../patience.ts'
import type { DeploymentRun } from '../run.ts'

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
  const { ownsShift } = context.targets.of(run.environment).capabilities
  await shiftTo(context, run, ownsShift ? wholeSplit(run, weight) : splitAt(run, weight), signal)
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
function splitAt(run: DeploymentRun, weight: number): TrafficSplit {
  return run.base === null
    ? { base: run.release.id, candidate: null, weight: 0, salt: run.deployment }
    : { base: run.base.id, candidate: run.release.id, weight, salt: run.deployment }
}

/** A place that takes the old fleet away by itself is told of one release alone. */
function wholeSplit(run: DeploymentRun, weight: number): TrafficSplit {
  const base = weight > 0 || run.base === null ? run.release.id : run.base.id
  return { base, candidate: null, weight: 0, salt: run.deployment }
}

/** A step of the plan that sets a weight at once, without a look of the judge. */
export async function shift(
  context: EngineContext,
  run: DeploymentRun,
  name: string,
  { weight, why }: { readonly weight: number; readonly why?: string },
): Promise<void> {
  await context.journal.step(
    run.deployment,
    name,
    () => context.mailbox.heed(run.deployment, (signal) => setWeight(context, run, weight, null, signal)),
    () => shifted(run, weight, why),
  )
}

export function shifted(run: DeploymentRun, weight: number, why?: string): string {
  return `${Math.round(weight * 100)} % on ${run.release.id}${why === undefined ? '' : `, ${why}`}`
}

/** The judge may lower the weight during the bake: the deployment stays baking then. */
function ignoreWhenBaking(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'STATE_CONFLICT')) throw error
}
