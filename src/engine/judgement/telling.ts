import type { Decision, Verdict } from '../../judge/index.ts'
import { SluiceError } from '../../model/error.ts'
import { hadTraffic } from '../compensate.ts'
import type { EngineContext } from '../context.ts'
import type { DeploymentRun } from '../run.ts'
import { findKept, type Kept } from './kept.ts'
import { promotedVerdict } from './promotion.ts'

/** A doubt is followed until it is decided. */
export function isSuspicious({ action, ask }: Decision): boolean {
  return action === 'retreat' || action === 'confirm' || action === 'roll-back' || ask === true
}

/** Tells when something changed for a reader, not each second. Answers with what is shown now. */
export async function show(
  context: EngineContext,
  run: DeploymentRun,
  told: { readonly decision: Decision; readonly kept: Kept; readonly verdict: Verdict; readonly shown: string },
): Promise<string> {
  const { decision, kept, verdict, shown } = told
  const key = `${decision.action} ${Math.round(kept.weight * 50)} ${Math.floor(kept.elapsedMs / 10_000)}`
  if (key === shown) return shown
  await context.journal.tell(run.deployment, 'deployment.judge', {
    action: decision.action,
    weight: kept.weight,
    reason: decision.reasons[0]?.text ?? null,
    counts: verdict.counts,
    elapsedSeconds: Math.round(kept.elapsedMs / 1000),
    ask: decision.ask ?? false,
  })
  return key
}

/** Why the judge takes the release back: a rollback for users, or a release that never got any. */
export async function takenBack(context: EngineContext, run: DeploymentRun, verdict: Verdict): Promise<SluiceError> {
  const details = { counts: verdict.counts }
  if (!(await hadTraffic(context, run.deployment))) {
    const why = verdict.reasons[0]?.text ?? verdict.summary
    return new SluiceError('INSTANCE_UNHEALTHY', `the new release was refused before any user: ${why}`, {
      hint: 'users saw nothing. Ask the path of an instance yourself and read its log with `sluice logs`',
      details,
    })
  }
  return new SluiceError('ROLLED_BACK', verdict.summary, {
    hint: 'the release is on hold; mend it and deploy again. `sluice judge replay` judges the same samples by another policy',
    details,
  })
}

/**
 * The verdict of a deployment that baked well: what the ramp found, which compared both releases, and then the bake. A
 * promotion without enough evidence stays inconclusive, however quiet the bake was.
 */
export async function afterRamp(context: EngineContext, run: DeploymentRun, bake: Verdict): Promise<Verdict> {
  const shift = await findKept(context, run, 'shift')
  if (shift === undefined || shift.kept.judge.policy.mode !== 'ramp') return bake
  const ramp = promotedVerdict(context.judge.explain(shift.kept.judge), 'shift', shift.kept.promotion)
  return { ...ramp, summary: `${ramp.summary}; then ${bake.summary}` }
}
