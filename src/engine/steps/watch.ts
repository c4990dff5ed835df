import type { EngineContext } from '../context.ts'
import { findKept } from '../judgement/kept.ts'
import { judgeUntilDecided } from '../judgement.ts'
import type { DeploymentRun } from '../run.ts'
import { shifted } from './shift.ts'

/**
 * A weight that is set at once is judged all the same: by what is known before it grows and after it, at no cost in time
 * unless something is suspicious or the step asks to be watched.
 */
export async function shiftWatched(
  context: EngineContext,
  run: DeploymentRun,
  name: string,
  { weight, forSeconds, why }: { readonly weight: number; readonly forSeconds: number; readonly why?: string },
): Promise<void> {
  await context.journal.step(
    run.deployment,
    name,
    async () => {
      const watch = { phase: 'shift', policy: context.policyFor(run.settings, 'watch') } as const
      const before = await findKept(context, run, 'shift')
      if (before !== undefined && before.kept.step !== name) {
        await judgeUntilDecided(context, run, { ...watch, step: `before ${name}`, weight: null, forSeconds: 0 })
      }
      return judgeUntilDecided(context, run, { ...watch, step: name, weight, forSeconds })
    },
    () => shifted(run, weight, why),
  )
}
