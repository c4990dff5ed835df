import { isOutcome } from '../../model/deployment.ts'
import { getEnvironment } from '../../store/environments.ts'
import { releaseLease } from '../../store/leases.ts'
import type { EngineContext } from '../context.ts'
import type { Phase } from '../phase.ts'

/** Where the release that is wanted serves already, nothing is left to do. */
export const arrive: Phase = {
  name: 'arrive',
  state: 'waiting',
  interrupt: 'now',
  run: async (context, flow, work) => {
    if (work.run === null || work.run.plan.length > 0) return work
    await flow.step('finish', () => finish(context, work.deployment))
    return { ...work, isOver: true }
  },
}

export async function finish(context: EngineContext, deployment: string): Promise<void> {
  const row = await context.journal.load(deployment)
  if (isOutcome(row.state)) return
  const { release } = await getEnvironment(context.database, row.environment)
  await context.journal.set(deployment, { release, previous_release: row.release })
  await context.journal.move(deployment, 'settling')
  await context.journal.serving(deployment)
  await releaseLease(context.database, row.environment, deployment)
  await context.journal.move(deployment, 'succeeded')
}
