import type { Actor } from '../model/actor.ts'
import { wayToGive } from '../model/deployment.ts'
import { SluiceError } from '../model/error.ts'
import { type DeploymentRow, listDeployments } from '../store/deployments.ts'
import { findJudgeState } from '../store/judge-states.ts'
import type { EngineContext } from './context.ts'
import { deploymentView } from './deployment-views.ts'
import type { PromotionAsked } from './engine.ts'
import type { JudgedPhase } from './judgement/judged-phase.ts'
import type { Kept } from './judgement/kept.ts'
import { stillUnknown } from './judgement/promotion.ts'
import { resolveEnvironment } from './resolve-environment.ts'

/** Ends what remains of a canary's or a bake's wait, and says what is unknown then. A message: the workflow acts on it. */
export async function promoteWaiting(context: EngineContext, actor: Actor, wanted: string): Promise<PromotionAsked> {
  const { key } = await resolveEnvironment(context, wanted)
  const running = await listDeployments(context.database, { environment: key, running: true, limit: 50 })
  for (const row of running) {
    const phase = judgedPhaseOf(row)
    const stored = phase && (await findJudgeState(context.database, row.id, phase))
    if (phase === null || stored === undefined || stored === null) continue
    const kept = stored.state as Kept
    const unknown = stillUnknown(context.judge.explain(kept.judge), leftSeconds(row, phase, kept))
    await context.mailbox.send(row.id, 'promote', actor, { phase })
    return { deployment: await deploymentView(context, row), unknown }
  }
  throw new SluiceError('STATE_CONFLICT', `no deployment of ${key} waits for evidence`, {
    hint: `only a canary, a watched step or a bake can be cut short; see \`sluice status ${key}\``,
  })
}

/** Null: it is judged no more. What is not judged yet has no judgement to find. */
function judgedPhaseOf({ state }: DeploymentRow): JudgedPhase | null {
  const way = wayToGive(state)
  return way === 'end-bake' ? 'bake' : way === null ? null : 'shift'
}

function leftSeconds({ plan }: DeploymentRow, phase: JudgedPhase, { elapsedMs }: Kept): number | null {
  const bake = plan?.find((step) => step.kind === 'bake')
  return phase === 'bake' && bake?.kind === 'bake' ? bake.seconds - elapsedMs / 1000 : null
}
