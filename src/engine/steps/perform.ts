import { smoke } from '../../gates/smoke.ts'
import type { EngineContext } from '../context.ts'
import type { PlannedStep } from '../plan.ts'
import type { DeploymentRun } from '../run.ts'
import type { Flow } from '../workflows/workflows.ts'
import { bake } from './bake.ts'
import { shrinkBase } from './base-fleet.ts'
import { passGate } from './gate.ts'
import { launch } from './launch.ts'
import { ramp } from './ramp.ts'
import { shift } from './shift.ts'
import { shiftWatched } from './watch.ts'

/** Each as one durable step of its own name. */
export async function performAll(
  context: EngineContext,
  flow: Flow,
  run: DeploymentRun,
  steps: readonly PlannedStep[],
): Promise<void> {
  for (const step of steps) await flow.step(step.name, () => perform(context, run, step))
}

function perform(context: EngineContext, run: DeploymentRun, { name, step }: PlannedStep): Promise<void> {
  switch (step.kind) {
    case 'launch':
      return launch(context, run, name, step.counts)
    case 'smoke':
      return passGate(context, run, name, smoke(step.paths))
    case 'shift':
      return step.watchSeconds === null || run.base === null
        ? shift(context, run, name, step)
        : shiftWatched(context, run, name, { ...step, forSeconds: step.watchSeconds })
    case 'hand-over':
      return shift(context, run, name, { ...step, weight: 1 })
    case 'ramp':
      return ramp(context, run, name)
    case 'shrink':
      return shrinkBase(context, run, name, step.counts)
    case 'bake':
      return bake(context, run, name, step.seconds)
    default:
      return step satisfies never
  }
}
