import { test } from 'vitest'
import { testEdge } from '../edge.contract.ts'
import { findHaproxy } from './program/find-haproxy.ts'
import { startHaproxyEdge } from './start.ts'

const found = await findHaproxy({ searchPath: process.env['PATH'] ?? '' })
/** What this edge does not keep, and why. */
const exceptions = [
  {
    cases: ['WebSockets are told 1012 at a drain, between two frames, and none is cut'],
    reason:
      'HAProxy does not read WebSocket frames; clients see 1006 at the deadline (capability webSocketRestartCode)',
  },
  {
    cases: [
      'event streams are told to go at a drain, between two events, and none is cut',
      'events in answer to a POST are told to go when the time of a drain is nearly over, between two events',
    ],
    reason: 'HAProxy does not read events; the application ends its streams when it is told to stop',
  },
  {
    cases: ['a head above the limit is 431, also one of 100 kB, and one below it passes'],
    reason: 'a head some kilobytes above the limit overflows the buffer and is a 400; see limits.test.ts for the rest',
  },
  {
    cases: ['a body that falls silent ends the request'],
    reason: 'HAProxy 2.6 times only the application once it forwards a body: 504 after the time for the answer',
  },
  {
    cases: ['a hold lets requests wait and its end lets them go'],
    reason: 'a Lua action is not told that its client left, so the request is forwarded after the hold',
  },
  {
    cases: [
      'an edge that was killed serves again by the tables, holds and fences it had',
      'an edge whose state is damaged serves by the copy before it',
      'the history of samples survives the death of the edge',
    ],
    reason: 'a killed agent does not stop HAProxy from serving; survival.test.ts kills both',
  },
]

if (found !== null || process.env['CI'] === 'true') {
  testEdge({
    name: 'HAProxy',
    create: ({ directory }) => startHaproxyEdge({ directory }),
    skip: exceptions,
  })
} else {
  test.skip('the HAProxy edge keeps the contract (haproxy is not installed)', () => {})
}
