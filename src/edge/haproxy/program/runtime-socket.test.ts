import { expect, test } from 'vitest'
import { parseStat, parseTable } from './runtime-socket.ts'

test('a quoted cell of a statistic may hold commas', () => {
  expect(parseStat('# pxname,svname,last_chk,scur\nb0,s1,"a, b",3\n\n')).toEqual([
    { pxname: 'b0', svname: 's1', last_chk: 'a, b', scur: '3' },
  ])
})

test('counters of a stick table are read by key', () => {
  const text = '# table: counters, type: string, size:10240, used:1\n0x5: key=b0 use=0 exp=0 gpc1=8\n'
  expect(parseTable(text).get('b0')).toMatchObject({ gpc1: '8' })
})
