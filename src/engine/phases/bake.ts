import { type Phase, planned } from '../phase.ts'
import { stepsOf } from '../plan.ts'
import { performAll } from '../steps/perform.ts'

/** The old fleet stays warm and the judge keeps watching, if so planned. What it takes back is the shift's. */
export const bake: Phase = planned({
  name: 'bake',
  state: 'baking',
  interrupt: 'now',
  run: (context, flow, run) => performAll(context, flow, run, stepsOf(run.plan).bake),
})
