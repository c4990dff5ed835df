import { expect, test } from 'vitest'
import type { Sample } from '../../model/sample.ts'
import { JudgedTime } from './judged-time.ts'

const BEGIN = 1_800_000_000
const sampleAt = (from: number): Sample => ({
  from,
  seconds: 1,
  service: 'web',
  release: 'r1',
  requests: 1,
  bad: 0,
  statusClasses: {},
})

function clock() {
  let [wallMs, monotonicMs] = [BEGIN * 1000, 0]
  return {
    now: () => new Date(wallMs),
    monotonicMs: () => monotonicMs,
    pass: (seconds: number) => {
      wallMs += seconds * 1000
      monotonicMs += seconds * 1000
    },
    set: (seconds: number) => {
      wallMs += seconds * 1000
    },
  }
}
const seconds = (time: JudgedTime) => time.now().getTime() / 1000 - BEGIN

test.each([3600, -3600])('goes on evenly when the wall clock is set by %i s, and moves the samples along', (jump) => {
  const machine = clock()
  const time = new JudgedTime(machine, 0, 0)
  machine.pass(10)
  expect(seconds(time)).toBe(10)
  machine.pass(1)
  machine.set(jump)
  expect(seconds(time)).toBe(11)
  // One that arrived before the jump became known after it.
  expect(time.place(sampleAt(BEGIN + 10)).from).toBe(BEGIN + 10)
  expect(time.place(sampleAt(BEGIN + 11 + jump)).from).toBe(BEGIN + 11)
  machine.pass(30)
  expect(seconds(time)).toBe(41)
  expect(time.offsetSeconds).toBe(-jump)
  expect(seconds(new JudgedTime(machine, time.offsetSeconds, 0))).toBe(41)
})

test('leaves a clock that is only slewed as it is', () => {
  const machine = clock()
  const time = new JudgedTime(machine, 0, 0)
  for (let second = 0; second < 100; second++) {
    machine.pass(1)
    machine.set(0.1)
    time.now()
  }
  expect(time.offsetSeconds).toBe(0)
  const sample = sampleAt(BEGIN)
  expect(time.place(sample)).toBe(sample)
})

test.each([100, -100, 3600])('places blocks that come two minutes late after a jump of %i s', (jump) => {
  const machine = clock()
  const time = new JudgedTime(machine, 0, 120)
  const block = (from: number): Sample => ({ ...sampleAt(from), seconds: 60 })
  machine.pass(300)
  time.now()
  machine.set(jump)
  expect(seconds(time)).toBe(300)
  // Known at last three minutes after its beginning, which was before the jump.
  expect(time.place(block(BEGIN + 121)).from).toBe(BEGIN + 121)
  machine.pass(120)
  expect(seconds(time)).toBe(420)
  expect(time.place(block(BEGIN + 241)).from).toBe(BEGIN + 241)
  machine.pass(180)
  expect(seconds(time)).toBe(600)
  expect(time.place(block(BEGIN + 421 + jump)).from).toBe(BEGIN + 421)
})
