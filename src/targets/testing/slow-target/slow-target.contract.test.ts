import { fastClock } from '../../../engine/testing/fast-clock.ts'
import { type TargetContract, testTarget } from '../../target.contract.ts'
import type { HabitsName } from './habits.ts'
import { slowWorld } from './slow-world.ts'

/** Minutes of the place pass in a blink. */
const clock = fastClock(1000)

const notThere = [
  {
    test: 'retire ends an event stream cleanly, and does not wait for the drain to pass',
    reason: 'its programs are simulated and hold no streams',
  },
  {
    test: 'retire ends WebSockets with a goodbye, and does not wait for the drain to pass',
    reason: 'its programs are simulated and hold no sockets',
  },
  {
    test: 'services of one release reach each other, and only each other',
    reason: 'its programs are simulated and call nobody',
  },
  {
    test: 'while all instances are killed, requests wait for them to come back, and none fails',
    reason: 'its routers answer 503 at once where no task is left, as a load balancer does',
  },
]

const skipped: Partial<Record<HabitsName, TargetContract['skip']>> = {
  'no-weights': [
    {
      test: 'a split sends visitors to both releases, and the end of it all of them to one',
      reason: 'the place knows no weights',
    },
  ],
  'owns-shift': [
    {
      test: 'a split sends visitors to both releases, and the end of it all of them to one',
      reason: 'the place knows no weights',
    },
    {
      test: 'retire lets requests in flight finish, removes the fleet, and may be repeated',
      reason: 'the place takes the old tasks away by itself, after a drain of its own',
    },
    {
      test: 'retire cuts what an application does not end in its grace, and counts it',
      reason: 'the place takes the old tasks away by itself, and counts nothing',
    },
  ],
}

for (const habits of ['cloud', 'no-weights', 'owns-shift'] as const) {
  testTarget({
    name: `slow, with the habits ${habits}`,
    create: async () => slowWorld(clock, habits),
    skip: [...notThere, ...(skipped[habits] ?? [])],
  })
}
