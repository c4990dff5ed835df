import { fullCounts } from '../../strategy/counts.ts'
import type { EngineContext } from '../context.ts'
import type { DeploymentRun } from '../run.ts'
import { scaleTo } from './launch.ts'

/** Rolling: old instances go as their share of traffic has gone. */
export async function shrinkBase(
  context: EngineContext,
  run: DeploymentRun,
  name: string,
  counts: Readonly<Record<string, number>>,
): Promise<void> {
  const { base } = run
  if (base === null) return
  await context.journal.step(run.deployment, name, () =>
    context.mailbox.heed(run.deployment, (signal) => scaleTo(context, run, { release: base, counts, signal })),
  )
}

/** Brings an old fleet that shrank or went back to full capacity, before traffic returns to it. Does nothing where it is whole. */
export async function restoreBase(context: EngineContext, run: DeploymentRun, signal: AbortSignal): Promise<void> {
  const { base } = run
  if (base === null || !run.plan.some(({ kind }) => kind === 'shrink' || kind === 'hand-over')) return
  const { fleets } = await context.targets.of(run.environment).fleets.inspect()
  const instances = fleets.find((fleet) => fleet.release === base.id)?.instances ?? []
  const ready = (service: string) =>
    instances.filter((instance) => instance.service === service && instance.state === 'ready').length
  const counts = fullCounts(base.services)
  if (Object.entries(counts).every(([service, count]) => ready(service) >= count)) return
  await scaleTo(context, run, { release: base, counts, signal })
}
