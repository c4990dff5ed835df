import type { Problem } from '../../model/error.ts'
import type { Path } from '../path.ts'
import type { ConfigDocument } from '../schema.ts'

/** What a check works with: a document from which everything of a wrong form has been taken out. */
export interface CheckContext {
  /** Required keys may be missing as well: that has been reported already. */
  readonly document: Partial<ConfigDocument>
  /** True where the form is wrong, so that what is missing there is not reported again. */
  readonly isBroken: (path: Path) => boolean
  readonly report: (path: Path, problem: Omit<Problem, 'path' | 'seen'>) => void
}

export type Check = (context: CheckContext) => void
