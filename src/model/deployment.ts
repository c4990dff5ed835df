import { SluiceError } from './error.ts'

export const deploymentStates = [
  'queued',
  'preparing',
  'waiting',
  'launching',
  'shifting',
  'baking',
  'settling',
  'compensating',
  'succeeded',
  'failed',
  'rolled-back',
  'rollback-failed',
  'cancelled',
  'superseded',
] as const
export type DeploymentState = (typeof deploymentStates)[number]

export const outcomes = [
  'succeeded',
  'failed',
  'rolled-back',
  'rollback-failed',
  'cancelled',
  'superseded',
] as const satisfies readonly DeploymentState[]
export type Outcome = (typeof outcomes)[number]

/** The whole table of legal moves; a state may always be set to itself (a step that runs again). */
const transitions: Readonly<Record<DeploymentState, readonly DeploymentState[]>> = {
  queued: ['preparing', 'failed', 'cancelled', 'superseded'],
  // A rollback settles at once when the running deployment took its traffic back by itself.
  preparing: ['waiting', 'settling', 'failed', 'cancelled', 'superseded'],
  waiting: ['launching', 'settling', 'compensating', 'failed', 'cancelled', 'superseded'],
  launching: ['shifting', 'compensating', 'failed', 'cancelled', 'superseded'],
  shifting: ['baking', 'settling', 'compensating'],
  baking: ['settling', 'compensating'],
  settling: ['succeeded'],
  compensating: ['failed', 'rolled-back', 'rollback-failed', 'cancelled', 'superseded'],
  succeeded: [],
  failed: [],
  'rolled-back': [],
  'rollback-failed': [],
  cancelled: [],
  superseded: [],
}

export function isOutcome(state: DeploymentState): state is Outcome {
  return (outcomes as readonly string[]).includes(state)
}

export function canMove(from: DeploymentState, to: DeploymentState): boolean {
  return from === to || transitions[from].includes(to)
}

export function assertMove(from: DeploymentState, to: DeploymentState): void {
  if (!canMove(from, to)) {
    throw new SluiceError('STATE_CONFLICT', `a deployment that is ${from} cannot become ${to}`)
  }
}
