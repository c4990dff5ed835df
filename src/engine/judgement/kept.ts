import type { JudgeState } from '../../judge/index.ts'
import { findJudgeState, putJudgeState } from '../../store/judge-states.ts'
import type { EngineContext } from '../context.ts'
import type { DeploymentRun } from '../run.ts'
import type { JudgedPhase } from './judged-phase.ts'
import type { Promotion } from './promotion.ts'

/** What is kept of a judgement in one overwritten row, so that a restarted control plane goes on with the same evidence. */
export interface Kept {
  readonly judge: JudgeState
  /**
   * Step of the plan that is judged: time and weight begin anew with each, the evidence does not. Absent in rows of earlier
   * versions, which knew one step per phase.
   */
  readonly step?: string
  readonly weight: number
  readonly elapsedMs: number
  readonly askedAtMs: number | null
  /** The judge's seconds are ahead of the wall clock's by this much, since somebody set the clock. */
  readonly clockOffsetSeconds?: number
  /** A person ended its wait. */
  readonly promotion?: Promotion
}

export interface KeptRow {
  readonly kept: Kept
  /** Samples up to here were judged. */
  readonly cursor: string | null
  readonly startedAt: Date
}

export async function findKept(
  context: EngineContext,
  run: DeploymentRun,
  phase: JudgedPhase,
): Promise<KeptRow | undefined> {
  const row = await findJudgeState(context.database, run.deployment, phase)
  return row && { kept: row.state as Kept, cursor: row.cursor, startedAt: row.startedAt }
}

export async function keep(
  context: EngineContext,
  run: DeploymentRun,
  phase: JudgedPhase,
  { kept, cursor, startedAt }: KeptRow,
): Promise<void> {
  await putJudgeState(context.database, run.deployment, phase, { state: kept, cursor, startedAt })
}
