import type { JudgeCapabilities, JudgedSecond, JudgePolicy } from '../judge/index.ts'
import type { Sample } from '../model/sample.ts'
import { findEvidence, listEvidence } from '../store/judge-states.ts'
import type { EngineContext } from './context.ts'
import type { JudgedPhase } from './judgement/judged-phase.ts'

/** What a judgement began with. */
export interface DossierHead {
  readonly deployment: string
  readonly phase: JudgedPhase
  readonly policy: JudgePolicy
  readonly capabilities: JudgeCapabilities
  readonly oldRelease: string | null
  readonly newRelease: string
  readonly startedAt: string
  /** The old release's past: what the judge learned from. */
  readonly samples: readonly Sample[]
}

/** What a judgement rested on: enough to judge again offline, with the same or another policy. */
export interface Dossier extends DossierHead {
  /** What the judge was given, second by second: samples as they became known, probes, live instances, weight. */
  readonly seconds: readonly JudgedSecond[]
  /** Every phase of this deployment that was judged. */
  readonly phases: readonly JudgedPhase[]
}

const phases = ['shift', 'bake'] as const

/** The dossier of a phase, by default of the last one that was judged; null: not judged. */
export async function findDossier(
  context: Pick<EngineContext, 'database'>,
  deployment: string,
  wanted?: JudgedPhase,
): Promise<Dossier | null> {
  const heads: DossierHead[] = []
  for (const phase of phases) {
    const head = await findEvidence(context.database, deployment, `samples-${phase}`)
    if (head !== undefined) heads.push(head as DossierHead)
  }
  const head = wanted === undefined ? heads.at(-1) : heads.find(({ phase }) => phase === wanted)
  if (head === undefined) return null
  const rows = await listEvidence(context.database, deployment, `seconds-${head.phase}-`)
  return { ...head, seconds: (rows as Dossier['seconds'][]).flat(), phases: heads.map(({ phase }) => phase) }
}
