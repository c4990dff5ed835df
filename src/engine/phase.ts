import type { DeploymentState } from '../model/deployment.ts'
import type { EngineContext } from './context.ts'
import type { Interrupt } from './mailbox.ts'
import type { DeploymentRun } from './run.ts'
import type { Flow } from './workflows/workflows.ts'

/**
 * One stage in the life of an activity. Those of a kind stand in one list: they run from its top, and what they did is
 * taken back from its end.
 */
export interface Phase {
  readonly name: string
  /** What is shown of the activity while it works. */
  readonly state: DeploymentState
  /** How a message that ends it reaches its work: at once, or as a question that is answered at the next safe point. */
  readonly interrupt: Interrupt
  /** Its durable steps in order, each of which may run twice. Their names and order are remembered by runs under way. */
  run(context: EngineContext, flow: Flow, work: Work): Promise<Work>
  /** Undoes what is really there of its doing; may run twice. */
  takeBack?(context: EngineContext, run: TakingBack): Promise<void>
}

/** What the phases so far came to. */
export interface Work {
  readonly deployment: string
  /** Null until it is admitted: only then is it known what to do. */
  readonly run: DeploymentRun | null
  /** Nothing is left for the phases that follow. */
  readonly isOver: boolean
}

export interface TakingBack extends DeploymentRun {
  /** Users may have been served by the new release. */
  readonly hadTraffic: boolean
  /** Monotonic clock, when it began. */
  readonly sinceMs: number
}

/** A phase that follows the plan, which admission made. */
export function planned(
  phase: Omit<Phase, 'run'> & { run(context: EngineContext, flow: Flow, run: DeploymentRun): Promise<void> },
): Phase {
  return {
    ...phase,
    run: async (context, flow, work) => {
      if (work.run === null) throw new Error(`${phase.name} of ${work.deployment} comes before its plan`)
      await phase.run(context, flow, work.run)
      return work
    },
  }
}
