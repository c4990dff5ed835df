import { rememberServing } from '../../store/environments.ts'
import { setReleaseState } from '../../store/releases.ts'
import { fullCounts } from '../../strategy/counts.ts'
import type { EngineContext } from '../context.ts'
import { seenAnswering } from '../evidence.ts'
import type { DeploymentRun } from '../run.ts'
import { scaleTo } from './launch.ts'

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
