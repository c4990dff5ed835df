import type { Waiting } from '../../model/activity.ts'
import type { SluiceError } from '../../model/error.ts'
import type { SchemaRange } from '../../model/release.ts'
import type { DeploymentRow } from '../../store/deployments.ts'

/** What must hold before a deployment may move an environment's traffic; looked at anew with every event there. */
export interface Rule {
  readonly name: string
  check(facts: AdmissionFacts): RuleAnswer
}

/** A refusal ends the deployment, and says with its hint what to do instead. */
export type RuleAnswer = { readonly go: true } | { readonly wait: Waiting } | { readonly refuse: SluiceError }

export interface AdmissionFacts {
  readonly self: Pick<DeploymentRow, 'id' | 'kind' | 'ordinal'>
  /** All others of the environment that have no outcome yet. */
  readonly others: readonly OtherDeployment[]
  /** The release that is coming, where it is known by now. */
  readonly coming: ReleaseFacts | null
  readonly serving: ReleaseFacts | null
  readonly now: Date
}

export type OtherDeployment = Pick<DeploymentRow, 'id' | 'ordinal' | 'state' | 'strategy' | 'weight' | 'created_at'>

export interface ReleaseFacts {
  readonly id: string
  readonly schema: SchemaRange | null
}

export const go: RuleAnswer = { go: true }

/** All of them have to agree: one refusal is enough to refuse, one wait to wait. */
export function askRules(rules: readonly Rule[], facts: AdmissionFacts): RuleAnswer {
  const answers = rules.map((rule) => rule.check(facts))
  return answers.find((answer) => 'refuse' in answer) ?? answers.find((answer) => 'wait' in answer) ?? go
}
