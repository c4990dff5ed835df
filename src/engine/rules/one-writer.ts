import { hasUsers, holdsLease, isMoving, wayToGive } from '../../model/deployment.ts'
import { SluiceError } from '../../model/error.ts'
import { go, type OtherDeployment, type Rule } from './rule.ts'

const MINUTE_MS = 60_000

/** One deployment moves the traffic of an environment at a time, and a newer one that got there first goes on alone. */
export const oneWriter: Rule = {
  name: 'one-writer',
  check: ({ self, others, now }) => {
    const newer = others.find((other) => Number(other.ordinal) > Number(self.ordinal) && isAdmitted(other))
    if (newer !== undefined && self.kind === 'deploy') {
      const refuse = new SluiceError('SUPERSEDED', `superseded by the newer deployment ${newer.id}`, {
        hint: 'nothing to do: the newer deployment goes on',
        details: { deployment: newer.id },
      })
      return { refuse }
    }
    const moving = others.find((other) => isMoving(other.state))
    return moving === undefined ? go : { wait: { reason: waitsFor(moving, now), until: null } }
  },
}

/** `waits for d85 (canary at 50 %, for 17 min)`. */
export function waitsFor(other: OtherDeployment, now: Date): string {
  const minutes = Math.floor((now.getTime() - other.created_at.getTime()) / MINUTE_MS)
  const since = minutes < 1 ? '' : `, for ${minutes} min`
  return `waits for ${other.id} (${doing(other)}${since})`
}

function doing({ state, strategy, weight }: OtherDeployment): string {
  if (state === 'shifting') return `${strategy} at ${Math.round(weight * 100)} %`
  if (state === 'compensating') return 'takes its traffic back'
  if (state === 'settling') return 'takes the old fleet away'
  if (state === 'migrating') return 'its release command was asked to stop'
  return wayToGive(state) === 'end-bake' ? 'its bake was ended' : 'was asked to make room'
}

function isAdmitted({ state }: OtherDeployment): boolean {
  return holdsLease(state) || hasUsers(state)
}
