import { canMove } from '../../model/deployment.ts'
import type { Fleet } from '../../model/instance.ts'
import type { ReleaseRecord } from '../../model/release.ts'
import type { EngineContext } from '../context.ts'
import { patienceWith } from '../patience.ts'
import type { DeploymentRun } from '../run.ts'

/** Brings the new fleet to these counts; resolves when every instance is ready. */
export async function launch(
  context: EngineContext,
  run: DeploymentRun,
  name: string,
  counts: Readonly<Record<string, number>>,
): Promise<void> {
  const row = await context.journal.load(run.deployment)
  if (canMove(row.state, 'launching')) await context.journal.move(run.deployment, 'launching')
  await context.journal.step(
    run.deployment,
    name,
    () =>
      context.mailbox.heed(run.deployment, async (signal) => {
        const target = context.targets.of(run.environment)
        const deadlineMs = patienceWith(target.capabilities).scaleMs(run.release)
        await target.deliver(run.release.artifact, { signal, deadlineMs })
        return scaleTo(context, run, { release: run.release, counts, signal })
      }),
    (fleet) => `${fleet.instances.filter((instance) => instance.state === 'ready').length} instances ready`,
  )
}

/** Brings a release's fleet to these counts, as long as that may take where it runs. */
export function scaleTo(
  context: EngineContext,
  run: Pick<DeploymentRun, 'environment' | 'lease'>,
  order: {
    readonly release: ReleaseRecord
    readonly counts: Readonly<Record<string, number>>
    readonly signal: AbortSignal
  },
): Promise<Fleet> {
  const { release, counts, signal } = order
  const target = context.targets.of(run.environment)
  const deadlineMs = patienceWith(target.capabilities).scaleMs(release)
  return target.fleets.scale(release, counts, { signal, deadlineMs, fence: run.lease.fence })
}
