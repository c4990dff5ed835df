import { releaseLease } from '../../store/leases.ts'
import { within } from '../../support/deadline.ts'
import type { EngineContext } from '../context.ts'
import { patienceWith } from '../patience.ts'
import { type Phase, planned, type TakingBack } from '../phase.ts'
import { stepsOf } from '../plan.ts'
import { retireWhenLeft } from '../retirement.ts'
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

async function removeNewFleet(context: EngineContext, run: TakingBack): Promise<string> {
  const { environment, hadTraffic: hadUsers } = run
  const { leftMs, retireMs } = patienceWith(context.targets.of(environment).capabilities)
  const deadlineMs = leftMs + retireMs(run.release) + RETIRE_SLACK_MS
  // Nobody was ever led there: nobody has to wait until it is gone, least of all one that takes its traffic back.
  if (!hadUsers) await releaseLease(context.database, environment, run.deployment)
  const { stopped } = await within('cleaning up', { deadlineMs, clock: context.clock }, (signal) =>
    retireWhenLeft(context, { environment, release: run.release.id, hadUsers }, signal),
  )
  return `${stopped.length} instances of ${run.release.id} stopped`
}
