import { createServer } from 'node:http'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { EdgeInstance } from '../../edge/edge.ts'
import { patiently } from '../../support/testing/patiently.ts'
import { options } from '../target.contract.ts'
import { freePorts } from './instances/ports.ts'
import { environment, type LocalWorld, localWorld } from './testing/local-world.ts'
import { PlainEdge } from './testing/plain-edge.ts'

let world: LocalWorld
beforeEach(async () => {
  world = await localWorld()
})
afterEach(() => world.close())

/** The failure of a release with these switches, which has the time to get so far that this is told of it. */
function failureOf(env: Readonly<Record<string, string>>, told: RegExp, target = world.target): Promise<unknown> {
  const scale = (readyMs: number) => {
    const release = world.release({ id: 'r1', env, readyMs })
    return target.fleets.scale(release, { web: 1 }, options()).catch((error: unknown) => error)
  }
  return patiently(700, scale, (failure) => failure instanceof Error && told.test(failure.message))
}

test('an instance that listens on the wrong port is told which one', async () => {
  expect(await failureOf({ APP_PORT: '0' }, /listens on/)).toMatchObject({
    code: 'INSTANCE_NOT_LISTENING',
    message: expect.stringMatching(/listens on 127\.0\.0\.1:\d+ and not on 127\.0\.0\.1:\d+/),
  })
})

test('a crash is told at once, with its exit code, and not at the deadline', async () => {
  const release = world.release({
    id: 'r1',
    env: { APP_CRASH_AFTER_MS: '300', APP_EXIT_CODE: '7', APP_NEVER_LISTEN: '1' },
    readyMs: 100_000,
  })
  await expect(world.target.fleets.scale(release, { web: 1 }, options({ deadlineMs: 50_000 }))).rejects.toMatchObject({
    code: 'INSTANCE_CRASHED',
    details: { exitCode: 7 },
  })
})

test('an unhealthy release is told its status', async () => {
  expect(await failureOf({ APP_HEALTH_STATUS: '503' }, /answers GET/)).toMatchObject({
    code: 'INSTANCE_UNHEALTHY',
    details: { status: 503, path: '/health' },
  })
})

test('the log of a failed release can still be read', async () => {
  const release = world.release({ id: 'r1', env: { APP_CRASH_AFTER_MS: '0' } })
  await expect(world.target.fleets.scale(release, { web: 1 }, options())).rejects.toMatchObject({
    code: 'INSTANCE_CRASHED',
  })
  const lines: string[] = []
  const query = { environment, release: 'r1', tail: 10, follow: false, signal: new AbortController().signal }
  for await (const { line } of world.target.witness.logs(query)) lines.push(line)
  expect(lines).toContain('Error: crashed on purpose')
})

test('when every port is taken, the failure says so', async () => {
  const stranger = createServer((_, response) => response.end('stranger'))
  const taken = await freePorts().pick(new Set())
  await new Promise<void>((resolve) => stranger.listen(taken, '127.0.0.1', resolve))
  const real = freePorts()
  let picks = 0
  const target = world.restart({
    ports: { pick: (avoid) => (++picks === 1 ? real.pick(avoid) : Promise.resolve(taken)) },
  })
  await expect(target.fleets.scale(world.release({ id: 'r1' }), { web: 1 }, options())).rejects.toMatchObject({
    code: 'NO_PORT',
  })
  stranger.close()
})

test('a taken public port is told before anything is started', async () => {
  const stranger = createServer()
  await new Promise<void>((resolve) => stranger.listen(world.httpPort, '127.0.0.1', resolve))
  await expect(world.target.fleets.scale(world.release({ id: 'r1' }), { web: 1 }, options())).rejects.toMatchObject({
    code: 'PORT_TAKEN',
  })
  expect(await world.runtime.list()).toEqual([])
  stranger.close()
})

test('an instance that the edge finds unhealthy fails the launch with what the edge saw', async () => {
  class BlindEdge extends PlainEdge {
    override async inspect() {
      const state = await super.inspect()
      const blind = (each: EdgeInstance) => ({ ...each, healthy: false })
      return {
        ...state,
        environments: state.environments.map((each) => ({ ...each, instances: each.instances.map(blind) })),
      }
    }
  }
  const edge = new BlindEdge()
  const target = world.restart({ edge })
  expect(await failureOf({}, /edge/, target)).toMatchObject({ code: 'INSTANCE_UNHEALTHY' })
  expect(await world.runtime.list()).toEqual([])
  await edge.close()
})
