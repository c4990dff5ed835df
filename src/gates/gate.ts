import type { Instance } from '../model/instance.ts'
import type { ReleaseRecord } from '../model/release.ts'
import type { Answer } from '../targets/target.ts'

/** A check of a release: before, during or after it gets traffic. It looks and says; what follows is the engine's business. */
export interface Gate {
  readonly name: string
  /** `build`: of the artifact. `before`: of what would change. `instance`: of each new one. `live`, `after`: with users there. */
  readonly stage: GateStage
  /** May be run twice. Throws only the reason of the signal: what it could not find out is a result too. */
  run(context: GateContext): Promise<GateResult>
}

export type GateStage = 'build' | 'before' | 'instance' | 'live' | 'after'

export interface GateContext {
  readonly release: ReleaseRecord
  /** Those of the release that are there now. */
  readonly instances: readonly Instance[]
  /** One GET of an instance, with or without traffic; no answer is told as an answer. */
  readonly ask: (instance: Instance, path: string) => Promise<Answer>
  readonly signal: AbortSignal
}

export interface GateResult {
  /** `error`: it could not find out, which is not `fail`: nothing is known to be wrong with the release. */
  readonly outcome: 'pass' | 'fail' | 'warn' | 'error' | 'skipped'
  /** For a person: what was seen, or why nothing was. */
  readonly text: string
  readonly details?: Readonly<Record<string, unknown>>
}
