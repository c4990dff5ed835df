import { rememberServing } from '../../store/environments.ts'
import { setReleaseState } from '../../store/releases.ts'
import { recordRollback } from '../../store/rollbacks.ts'
import { within } from '../../support/deadline.ts'
import { messageOf } from '../../support/message-of.ts'
import type { EngineContext } from '../context.ts'
import { seenAnswering } from '../evidence.ts'
import { patienceWith } from '../patience.ts'
import { type Phase, planned, type TakingBack } from '../phase.ts'
import { stepsOf } from '../plan.ts'
import type { DeploymentRun } from '../run.ts'
import { restoreBase } from '../steps/base-fleet.ts'
import { performAll } from '../steps/perform.ts'
import { promote } from '../steps/promote.ts'
import { shiftTo } from '../steps/shift.ts'

/** Users move to the new release; it shows its state from the first of them on, who may be long in coming. */
export const shift: Phase = planned({
  name: 'shift',
  state: 'shifting',
  interrupt: 'now',
  run: async (context, flow, run) => {
    await performAll(context, flow, run, stepsOf(run.plan).shift)
    await flow.step('serving', () => promote(context, run))
  },
  takeBack: async (context, run) => {
    await context.journal.step(
      run.deployment,
      'take back',
      () => {
        const { restoreMs } = patienceWith(context.targets.of(run.environment).capabilities)
        const limits = { deadlineMs: restoreMs, clock: context.clock }
        return within('taking the traffic back', limits, (signal) => takeBack(context, run, signal))
      },
      (text) => text,
    )
    if (!run.hadTraffic) return
    await recordRollback(context.database, {
      activity: run.deployment,
      environment: run.environment,
      seconds: (context.clock.monotonicMs() - run.sinceMs) / 1000,
      way: 'warm',
    })
  },
})

async function takeBack(context: EngineContext, run: TakingBack, signal: AbortSignal): Promise<string> {
  const { base, hadTraffic } = run
  if (base === null) {
    if (hadTraffic)
      await shiftTo(context, run, { base: null, candidate: null, weight: 0, salt: run.deployment }, signal)
    return 'nothing served before: no release serves now'
  }
  const onBaseAlone = { base: base.id, candidate: null, weight: 0, salt: run.deployment }
  if (!hadTraffic) {
    // Probes may have gone by while the router knew the new release, at no weight.
    const { split } = await context.targets.of(run.environment).traffic.usage()
    if (split?.candidate === run.release.id) await shiftTo(context, run, onBaseAlone, signal)
    return `traffic stayed on ${base.id}`
  }
  const isWhole = await isRestored(context, run, signal)
  await shiftTo(context, run, onBaseAlone, signal)
  await context.journal.weight(run.deployment, 0, 'taken back')
  if (!isWhole) await restoreBase(context, run, signal)
  await rememberServing(context.database, run.environment, { release: base.id, warmRelease: null })
  await setReleaseState(context.database, base.id, 'serving')
  const seen = await seenAnswering(context, base, signal)
  return `traffic is back on ${base.id}: ${seen}`
}

/** Capacity first, then the traffic; but where the old fleet does not grow, few good instances are better than bad ones. */
async function isRestored(context: EngineContext, run: DeploymentRun, signal: AbortSignal): Promise<boolean> {
  try {
    await restoreBase(context, run, signal)
    return true
  } catch (error) {
    context.log.warn(`${run.base?.id} is not back at full capacity before its traffic returns: ${messageOf(error)}`)
    return false
  }
}
