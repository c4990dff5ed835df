import type { Clock } from '../support/clock.ts'
import { within } from '../support/deadline.ts'
import type { Target } from '../targets/target.ts'
import { patienceWith } from './patience.ts'

/** A target whose looks come to an end: one that does not answer stops nobody who has to do with others too. */
export function boundedTarget(target: Target, environment: string, clock: Clock): Target {
  const look = <Value>(what: string, work: () => Promise<Value>) =>
    within(what, { deadlineMs: patienceWith(target.capabilities).lookMs, clock }, work)
  return {
    ...target,
    fleets: {
      ...target.fleets,
      inspect: () => look(`looking at what runs in ${environment}`, () => target.fleets.inspect()),
    },
    traffic: {
      ...target.traffic,
      usage: () => look(`looking at the traffic of ${environment}`, () => target.traffic.usage()),
    },
  }
}
