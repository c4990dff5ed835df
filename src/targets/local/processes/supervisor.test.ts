import { afterEach, expect, test } from 'vitest'
import { type Clock, systemClock } from '../../../support/clock.ts'
import type { RunState } from './runtime.ts'
import { Supervisor, type SupervisorChange } from './supervisor.ts'

/** Time that passes when the test says so; the wall clock may jump on its own. */
function testClock() {
  let monotonic = 0
  let wall = Date.UTC(2026, 0, 1)
  const clock: Clock = { ...systemClock, now: () => new Date(wall), monotonicMs: () => monotonic }
  return {
    clock,
    pass: (ms: number) => {
      monotonic += ms
      wall += ms
    },
    jump: (ms: number) => {
      wall += ms
    },
  }
}

function runOf(id: string, alive: boolean): RunState {
  return {
    id,
    environment: 'shop.test',
    release: 'r1',
    service: 'web',
    index: 0,
    alive,
    pid: 1,
    startedAt: new Date(0).toISOString(),
    restarts: 0,
    logFile: '/dev/null',
    ...(alive ? {} : { exit: { code: 1, at: new Date(0).toISOString() } }),
  }
}

const supervisors: Supervisor[] = []
afterEach(async () => {
  for (const each of supervisors.splice(0)) await each.close()
})

/** Supervision of one instance that is alive or not as the test says; a relaunch makes it alive unless told otherwise. */
function supervised(options: { readonly relaunchFails?: boolean } = {}) {
  const time = testClock()
  const world = { alive: true, desired: ['a'], relaunches: 0, changes: [] as SupervisorChange['kind'][] }
  const supervisor = new Supervisor({
    desired: () => world.desired,
    inspect: async (id) => runOf(id, world.alive),
    onExit: () => () => {},
    relaunch: async () => {
      world.relaunches++
      if (options.relaunchFails) throw new Error('no')
      world.alive = true
    },
    onChange: ({ kind }) => world.changes.push(kind),
    clock: time.clock,
    policy: { firstPauseMs: 500, longestPauseMs: 4000, crashLoopAfter: 4, stableMs: 60_000 },
  })
  supervisors.push(supervisor)
  /** One look, and the end of the relaunch that it began. */
  const look = async (passMs = 0) => {
    time.pass(passMs)
    await supervisor.tick()
    await new Promise((resolve) => setImmediate(resolve))
  }
  const crash = async () => {
    world.alive = false
    await look()
  }
  return { ...time, world, supervisor, look, crash }
}

test('the first crash is answered by a restart at once', async () => {
  const { world, look, crash } = supervised()
  await look()
  await crash()
  expect(world.relaunches).toBe(1)
  expect(world.changes).toEqual(['exited', 'restarting', 'restarted'])
})

test('further crashes wait twice as long each, up to a limit', async () => {
  const { world, look, crash } = supervised()
  await look()
  await crash()
  for (const pauseMs of [500, 1000, 2000, 4000, 4000]) {
    const before = world.relaunches
    await crash()
    await look(pauseMs - 1)
    expect(world.relaunches).toBe(before)
    await look(1)
    expect(world.relaunches).toBe(before + 1)
  }
})

test('a crash loop is told once, and restarts go on', async () => {
  const { world, supervisor, look, crash } = supervised()
  await look()
  for (let crashes = 0; crashes < 6; crashes++) {
    await crash()
    await look(4000)
  }
  expect(supervisor.isCrashLooping('a')).toBe(true)
  expect(world.changes.filter((kind) => kind === 'crash-loop')).toHaveLength(1)
  expect(world.relaunches).toBe(6)
})

test('an instance that was up for long enough has no past', async () => {
  const { world, supervisor, look, crash } = supervised()
  await look()
  for (let crashes = 0; crashes < 4; crashes++) {
    await crash()
    await look(4000)
  }
  expect(supervisor.isCrashLooping('a')).toBe(true)
  await look(60_000)
  expect(supervisor.isCrashLooping('a')).toBe(false)
  const before = world.relaunches
  await crash()
  expect(world.relaunches).toBe(before + 1)
})

test('a restart that fails counts as a crash', async () => {
  const { world, supervisor, look, crash } = supervised({ relaunchFails: true })
  await look()
  await crash()
  for (const pauseMs of [1000, 2000, 4000]) await look(pauseMs)
  expect(world.relaunches).toBe(4)
  expect(supervisor.isCrashLooping('a')).toBe(true)
})

test('a jump of the wall clock neither hastens nor delays a restart', async () => {
  const { world, look, crash, jump } = supervised()
  await look()
  await crash()
  await crash()
  jump(3_600_000)
  await look(499)
  expect(world.relaunches).toBe(1)
  jump(-7_200_000)
  await look(1)
  expect(world.relaunches).toBe(2)
})

test('what is not desired any more is left alone', async () => {
  const { world, look, crash } = supervised()
  await look()
  world.desired = []
  await crash()
  await look(10_000)
  expect(world.relaunches).toBe(0)
})

test('an instance found dead at the very start is started', async () => {
  const { world, crash } = supervised()
  await crash()
  expect(world.relaunches).toBe(1)
})
