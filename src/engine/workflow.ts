import { messageOf } from '../support/message-of.ts'
import { compensate, endUnfinished, giveUp, hadTraffic } from './compensate.ts'
import type { EngineContext } from './context.ts'
import type { Phase, Work } from './phase.ts'
import { isMachineryError } from './workflows/dbos-workflows.ts'
import type { Flow } from './workflows/workflows.ts'

/** A life in phases, top to bottom; what stops it is answered by taking back what was done, from the bottom up. */
export async function liveThrough(
  phases: readonly Phase[],
  context: EngineContext,
  flow: Flow,
  deployment: string,
): Promise<void> {
  let work: Work = { deployment, run: null, isOver: false }
  try {
    for (const phase of phases) {
      work = await phase.run({ ...context, mailbox: context.mailbox.reaching(phase.interrupt) }, flow, work)
      if (work.isOver) return
    }
  } catch (error) {
    if (isMachineryError(error)) throw error
    await takeBackAndEnd(phases, context, flow, work, error)
  }
}

async function takeBackAndEnd(
  phases: readonly Phase[],
  context: EngineContext,
  flow: Flow,
  { deployment, run }: Work,
  error: unknown,
): Promise<void> {
  let touched = false
  try {
    if (run === null) {
      await flow.step('give up', () => giveUp(context, deployment, error))
      return
    }
    touched = await flow.step('assess', () => hadTraffic(context, deployment))
    await flow.step('compensate', () => compensate(context, phases, run, error, touched))
  } catch (failure) {
    if (isMachineryError(failure)) throw failure
    context.log.error(`${deployment} could not be taken back: ${messageOf(failure)}`)
    await flow.step('end', () => endUnfinished(context, deployment, { error, failure, hadTraffic: touched }))
  }
}
