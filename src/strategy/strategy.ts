import type { ReleaseService } from '../model/release.ts'
import type { StrategySettings, StrategyStep } from '../model/strategy.ts'
import type { Weights } from '../model/traffic-split.ts'

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
  readonly weights: Weights
  /** The place launches, shifts and retires in one go. */
  readonly ownsShift: boolean
}
