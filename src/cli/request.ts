import type { Deployment } from '../engine/engine.ts'
import { isSluiceError } from '../model/error.ts'
import type { Context } from './command.ts'
import { assertNotInterrupted, interruptedError, unlessInterrupted } from './interruption.ts'

/** An answer that is under way when Ctrl-C comes tells which deployment goes on: worth a moment. */
const ANSWER_MS = 2000

/** Asks for a deployment: not at all after Ctrl-C; and one that was asked for in that moment is not hidden. */
export async function requested(ask: () => Promise<Deployment>, { interrupted }: Context): Promise<Deployment> {
  assertNotInterrupted(interrupted)
  const unknown = () =>
    interruptedError(
      'interrupted while it was asked for: it may have begun, and goes on by itself then',
      'see `sluice status`, take it back with `sluice cancel <deployment>`',
    )
  try {
    return await unlessInterrupted(ask(), interrupted, unknown, ANSWER_MS)
  } catch (error) {
    // The control plane was lost meanwhile, and is not started again for somebody who left.
    throw isSluiceError(error) && error.code === 'INTERRUPTED' ? unknown() : error
  }
}
