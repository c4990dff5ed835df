import { describe, expect, test } from 'vitest'
import { parseLogLine } from './log-line.ts'
import { parseStat, parseTable } from './runtime-socket.ts'
import { parseServersState } from './server-state.ts'

describe('what HAProxy says', () => {
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

  test('a quoted cell of a statistic may hold commas', () => {
    expect(parseStat('# pxname,svname,last_chk,scur\nb0,s1,"a, b",3\n\n')).toEqual([
      { pxname: 'b0', svname: 's1', last_chk: 'a, b', scur: '3' },
    ])
  })

  test('counters of a stick table are read by key', () => {
    const text = '# table: counters, type: string, size:10240, used:1\n0x5: key=b0 use=0 exp=0 gpc1=8\n'
    expect(parseTable(text).get('b0')).toMatchObject({ gpc1: '8' })
  })

  test('a slot that was declared disabled and set ready is ready', () => {
    const head = '# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_port'
    const text = `1\n${head}\n7 b0 1 s1 127.0.0.1 2 4 9501\n7 b0 2 s2 127.0.0.1 0 5 9\n7 b0 3 s3 127.0.0.1 2 12 9502\n`
    expect(parseServersState(text).map(({ slot, port, admin }) => [slot, port, admin])).toEqual([
      ['s1', 9501, 'ready'],
      ['s2', 9, 'maint'],
      ['s3', 9502, 'drain'],
    ])
  })
})
