import { releaseLease } from '../../store/leases.ts'
import type { EngineContext } from '../context.ts'
import { judgeUntilDecided } from '../judgement.ts'
import type { DeploymentRun } from '../run.ts'

/** All traffic is on the new release; the old fleet stays warm and the judge keeps watching. Holds nobody up. */
export async function bake(context: EngineContext, run: DeploymentRun, name: string, seconds: number): Promise<void> {
  if (seconds === 0 || run.base === null) return
  await context.journal.move(run.deployment, 'baking')
  await releaseLease(context.database, run.environment, run.deployment)
  await context.journal.step(
    run.deployment,
    name,
    () =>
      judgeUntilDecided(context, run, {
        phase: 'bake',
        policy: context.policyFor(run.settings, 'watch'),
        step: name,
        weight: 1,
        forSeconds: seconds,
      }),
    (verdict) => verdict.summary,
  )
}
