import { SluiceError } from './error.ts'

interface StateRules {
  /** What its time is called, in `seconds` of a deployment; null: no time passes any more. */
  readonly phase: string | null
  /** The lease of the traffic may be in its hand. */
  readonly holdsLease: boolean
  /** Users may be served by the new release. */
  readonly hasUsers: boolean
  /** Where users get is changing, or may change at any moment: nobody else may begin to move them. */
  readonly isMoving: boolean
  /** The message with which a newer deployment asks it to make room; null: it is waited for, or asks for nothing. */
  readonly givesWay: 'supersede' | 'replace' | 'end-bake' | null
  /** Which release serves at its end; null: it has not ended. */
  readonly serves: 'new' | 'old' | 'unknown' | null
  /** Legal moves; a state may always be set to itself (a step that runs again). */
  readonly next: readonly DeploymentState[]
}

/** Before anybody could notice. */
const untouched = { holdsLease: false, hasUsers: false, isMoving: false, givesWay: 'supersede', serves: null } as const
const ended = { phase: null, holdsLease: false, hasUsers: false, isMoving: false, givesWay: null, next: [] } as const

/** All that is known of each state, in the order of a deployment's life. */
const table = {
  queued: { ...untouched, phase: 'queue', next: ['preparing', 'failed', 'cancelled', 'superseded'] },
  preparing: {
    ...untouched,
    phase: 'prepare',
    // A rollback settles at once when the running deployment took its traffic back by itself.
    next: ['waiting', 'settling', 'failed', 'cancelled', 'superseded'],
  },
  waiting: {
    ...untouched,
    phase: 'wait',
    holdsLease: true,
    next: ['migrating', 'launching', 'settling', 'compensating', 'failed', 'cancelled', 'superseded'],
  },
  migrating: {
    ...untouched,
    phase: 'migrate',
    holdsLease: true,
    next: ['launching', 'compensating', 'failed', 'cancelled', 'superseded'],
  },
  launching: {
    ...untouched,
    phase: 'launch',
    holdsLease: true,
    next: ['shifting', 'compensating', 'failed', 'cancelled', 'superseded'],
  },
  shifting: {
    phase: 'shift',
    holdsLease: true,
    hasUsers: true,
    isMoving: true,
    givesWay: 'replace',
    serves: null,
    next: ['baking', 'settling', 'compensating'],
  },
  baking: {
    phase: 'bake',
    holdsLease: false,
    hasUsers: true,
    isMoving: true,
    givesWay: 'end-bake',
    serves: null,
    next: ['settling', 'compensating'],
  },
  settling: {
    phase: 'settle',
    holdsLease: true,
    hasUsers: true,
    isMoving: false,
    givesWay: null,
    serves: null,
    next: ['succeeded'],
  },
  compensating: {
    phase: 'compensate',
    holdsLease: true,
    hasUsers: false,
    isMoving: true,
    givesWay: null,
    serves: null,
    next: ['failed', 'rolled-back', 'rollback-failed', 'cancelled', 'superseded'],
  },
  succeeded: { ...ended, serves: 'new' },
  failed: { ...ended, serves: 'old' },
  'rolled-back': { ...ended, serves: 'old' },
  'rollback-failed': { ...ended, serves: 'unknown' },
  cancelled: { ...ended, serves: 'old' },
  superseded: { ...ended, serves: 'old' },
} as const

export type DeploymentState = keyof typeof table
export type Outcome = {
  [State in DeploymentState]: (typeof table)[State]['serves'] extends null ? never : State
}[DeploymentState]

const rules: Readonly<Record<DeploymentState, StateRules>> = table
export const deploymentStates = Object.keys(table) as readonly DeploymentState[]
export const outcomes: readonly Outcome[] = deploymentStates.filter(isOutcome)

export function isOutcome(state: DeploymentState): state is Outcome {
  return rules[state].serves !== null
}

/** True where the outcome left users with the release before. */
export function cameToNothing(state: DeploymentState): boolean {
  return rules[state].serves === 'old'
}

export function holdsLease(state: DeploymentState): boolean {
  return rules[state].holdsLease
}

/** Users may be served by the new release. */
export function hasUsers(state: DeploymentState): boolean {
  return rules[state].hasUsers
}

/** The traffic is in its hand: nobody else may begin to move it. */
export function isMoving(state: DeploymentState): boolean {
  return rules[state].isMoving
}

/** It has users, and would take them back when it is told to roll back. */
export function canBeTakenBack(state: DeploymentState): boolean {
  return hasUsers(state) && canMove(state, 'compensating')
}

/** The message that has it make room for a newer deployment; null: there is none. */
export function wayToGive(state: DeploymentState): StateRules['givesWay'] {
  return rules[state].givesWay
}

/** No user saw it yet: it ends without a trace when a newer deployment or a rollback comes. */
export function mayBeSuperseded(state: DeploymentState): boolean {
  return wayToGive(state) === 'supersede'
}

/** What the time in this state is called, for people; null: the deployment is over. */
export function phaseName(state: DeploymentState): string | null {
  return rules[state].phase
}

export function canMove(from: DeploymentState, to: DeploymentState): boolean {
  return from === to || rules[from].next.includes(to)
}

export function assertMove(from: DeploymentState, to: DeploymentState): void {
  if (!canMove(from, to)) {
    throw new SluiceError('STATE_CONFLICT', `a deployment that is ${from} cannot become ${to}`)
  }
}
