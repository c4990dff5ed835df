import type { JudgePolicy } from '../judge/index.ts'
import type { Sample } from '../model/sample.ts'
import { findEvidence, findJudgeState, putEvidence } from '../store/judge-states.ts'
import { messageOf } from '../support/message-of.ts'
import type { EngineContext } from './context.ts'
import type { JudgementOptions } from './judgement.ts'
import type { DeploymentRun } from './run.ts'

/** What a judgement rested on: enough to judge again offline, with the same or another policy. */
export interface Dossier {
  readonly deployment: string
  readonly phase: 'shift' | 'bake'
  readonly policy: JudgePolicy
  readonly oldRelease: string | null
  readonly newRelease: string
  readonly startedAt: string
  readonly samples: readonly Sample[]
}

/** Kept from half an hour before the judgement (the history it learned from) to its end. */
export async function storeSamplesAsEvidence(
  context: EngineContext,
  run: DeploymentRun,
  options: JudgementOptions,
): Promise<void> {
  try {
    const judgement = await findJudgeState(context.database, run.deployment, options.phase)
    if (judgement === undefined) return
    const from = judgement.startedAt.getTime() / 1000 - 30 * 60
    const dossier: Dossier = {
      deployment: run.deployment,
      phase: options.phase,
      policy: options.policy,
      oldRelease: run.base?.id ?? null,
      newRelease: run.release.id,
      startedAt: judgement.startedAt.toISOString(),
      samples: (await readSamples(context, run.environment)).filter(
        (sample) => sample.from >= from && (sample.release === run.release.id || sample.release === run.base?.id),
      ),
    }
    await putEvidence(context.database, run.deployment, `samples-${options.phase}`, dossier)
  } catch (error) {
    // Evidence is worth much, but never more than the outcome itself.
    context.log.warn(`the samples of ${run.deployment} could not be kept: ${messageOf(error)}`)
  }
}

export async function findDossier(context: EngineContext, deployment: string): Promise<Dossier | null> {
  for (const phase of ['shift', 'bake'] as const) {
    const dossier = await findEvidence(context.database, deployment, `samples-${phase}`)
    if (dossier !== undefined) return dossier as Dossier
  }
  return null
}

async function readSamples(context: EngineContext, environment: string): Promise<readonly Sample[]> {
  const abort = new AbortController()
  for await (const { samples } of context.target.samples(environment, { signal: abort.signal })) {
    abort.abort()
    return samples
  }
  return []
}
