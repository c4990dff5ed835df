import { isMoving } from '../../model/deployment.ts'
import { SluiceError } from '../../model/error.ts'
import { listDeployments } from '../../store/deployments.ts'
import { getEnvironment } from '../../store/environments.ts'
import type { EngineContext } from '../context.ts'
import { patienceWith } from '../patience.ts'
import type { Phase } from '../phase.ts'
import { requestedRelease } from '../requests.ts'
import { finish } from './arrive.ts'

/** Longer than any drain on a place that is near. */
const LEAST_TAKE_BACK_MS = 15 * 60_000

/** Waits for the deployment that was told to take its traffic back, and sees whether that was all. */
export const standBy: Phase = {
  name: 'stand by',
  state: 'preparing',
  interrupt: 'now',
  run: async (context, flow, work) => {
    const { deployment } = work
    const way = await flow.step('wait for the running deployment', () => waitForRunning(context, deployment))
    if (way === 'to-do') return work
    await flow.step('finish', () => finish(context, deployment))
    return { ...work, isOver: true }
  },
}

/** `taken-back`: a running deployment undid itself, and the environment serves what was asked for. */
async function waitForRunning(context: EngineContext, deployment: string): Promise<'taken-back' | 'to-do'> {
  const row = await context.journal.move(deployment, 'preparing')
  const told = row.previous_release // the deployment's base when the message was sent; see Deployments.rollback
  const deadlineMs = context.clock.monotonicMs() + takeBackMs(context, row.environment)
  for (;;) {
    const running = await listDeployments(context.database, { environment: row.environment, running: true, limit: 50 })
    const older = running.filter((other) => Number(other.ordinal) < Number(row.ordinal))
    const moving = older.filter((other) => isMoving(other.state))
    if (moving.length === 0) break
    if (context.clock.monotonicMs() > deadlineMs) {
      throw new SluiceError('DEADLINE_EXCEEDED', `${moving[0]?.id} did not take its traffic back in time`, {
        hint: `look at \`sluice status ${row.environment}\` and the control plane's log`,
      })
    }
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  if (told === null) return 'to-do'
  const { release } = await getEnvironment(context.database, row.environment)
  const wanted = requestedRelease(row)
  return release === told && (wanted === null || wanted === release) ? 'taken-back' : 'to-do'
}

/** By then a deployment that was told to take its traffic back has done it, or is stuck. */
function takeBackMs(context: EngineContext, environment: string): number {
  const { leftMs, restoreMs, retireMs } = patienceWith(context.targets.of(environment).capabilities)
  return Math.max(LEAST_TAKE_BACK_MS, 2 * (leftMs + restoreMs + retireMs(null)))
}
