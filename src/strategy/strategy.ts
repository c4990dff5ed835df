import type { ReleaseService } from '../model/release.ts'
import type { StrategySettings, StrategyStep } from '../model/strategy.ts'

/** A strategy is a pure plan: the engine acts on the steps in order, and only the engine. */
export interface Strategy {
  readonly name: 'rolling' | 'blue-green' | 'canary'
  plan(input: PlanInput): readonly StrategyStep[]
}

export interface PlanInput {
  readonly services: readonly Pick<ReleaseService, 'name' | 'kind' | 'instances' | 'startWorkers'>[]
  /** Instances per service of the fleet that serves now; null: first deployment. */
  readonly base: Readonly<Record<string, number>> | null
  readonly settings: StrategySettings
  /** True where weights between 0 and 100 % can be set. */
  readonly weighted: boolean
}
