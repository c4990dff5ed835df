import { expect, test } from 'vitest'
import { parseLogLine } from './log-line.ts'

test('a request is read with its arrival, latency, retries and place', () => {
  const line = 'm4rk b0|web|r1 b0 s2 502 1700000010500 1 0 2 -1 500 +1 SH-- 17 2500 0123456789abcdef - 4711 GET /a b'
  expect(parseLogLine(line, 'm4rk')).toMatchObject({
    route: 'b0|web|r1',
    backend: 'b0',
    slot: 's2',
    status: 502,
    arrivedAtMs: 1_700_000_010_000,
    latencyMs: null,
    retries: 1,
    redispatched: true,
    ender: 'S',
    state: 'H',
    sequence: 17,
    threshold: 2500,
    visitor: '0123456789abcdef',
    error: null,
    worker: 4711,
    path: '/a',
  })
})

test('lines about states, of strangers or cut short are nobody’s request', () => {
  for (const line of ['Server b0/s1 is UP/READY', 'other b0|web|r1 b0 s2 200', 'm4rk b0', '']) {
    expect(parseLogLine(line, 'm4rk')).toBeNull()
  }
})
