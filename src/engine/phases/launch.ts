import { currentFence } from '../../store/leases.ts'
import type { EngineContext } from '../context.ts'
import { patienceWith } from '../patience.ts'
import { type Phase, planned } from '../phase.ts'
import { stepsOf } from '../plan.ts'
import type { DeploymentRun } from '../run.ts'
import { performAll } from '../steps/perform.ts'

/** Over the place's own deadline: only a target that ignores it meets this one. */
const RETIRE_SLACK_MS = 60_000

/** The new fleet comes up and is checked, before any user gets there. */
export const launch: Phase = planned({
  name: 'launch',
  state: 'launching',
  interrupt: 'now',
  run: (context, flow, run) => performAll(context, flow, run, stepsOf(run.plan).launch),
  takeBack: async (context, run) => {
    await context.journal.step(
      run.deployment,
      'clean up',
      () => removeNewFleet(context, run),
      (text) => text,
    )
  },
})

async function removeNewFleet(context: EngineContext, run: DeploymentRun): Promise<string> {
  const target = context.targets.of(run.environment)
  const deadlineMs = patienceWith(target.capabilities).retireMs(run.release)
  const { stopped } = await target.fleets.retire(run.release.id, {
    signal: AbortSignal.timeout(deadlineMs + RETIRE_SLACK_MS),
    deadlineMs,
    fence: await currentFence(context.database, run.environment),
  })
  return `${stopped.length} instances of ${run.release.id} stopped`
}
