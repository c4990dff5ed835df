import type { ReleaseTarget } from '../model/release.ts'
import type { Target } from './target.ts'

/** A kind of place; one per folder, chosen by `environments.x.target`. */
export interface TargetKind {
  readonly name: string
  /** The environment's place; opening it twice gives the same. */
  open(environment: { readonly key: string; readonly settings: ReleaseTarget['settings'] }): Target
}
