import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { patiently } from '../support/testing/patiently.ts'
import { appCommand } from '../targets/local/testing/fixture.ts'
import { type LocalWorld, localWorld } from '../targets/local/testing/local-world.ts'
import type { Deployment } from './engine.ts'
import { deployOrder } from './testing/deploy-order.ts'
import { scriptedJudge } from './testing/scripted-judge.ts'
import { type TestEngine, testEngine } from './testing/test-engine.ts'

/** Real processes that do not become ready: each way has a message of its own, with what to do about it. */
let engine: TestEngine
let world: LocalWorld
beforeAll(async () => {
  world = await localWorld()
  engine = await testEngine({ judge: scriptedJudge(), real: world.kind })
})
afterAll(async () => {
  await engine?.remove()
  await world?.close()
})

/** A first deployment of the test application with these switches, which has the time to get as far as it should. */
function deployApp(env: Readonly<Record<string, string>>, code: string): Promise<Deployment> {
  const isTelling = (deployment: Deployment) =>
    deployment.reason?.code === code && (logTail(deployment) ?? []).length > 0
  return patiently(1500, (readyMs) => deployOnce(env, readyMs), isTelling)
}

async function deployOnce(env: Readonly<Record<string, string>>, readyMs: number): Promise<Deployment> {
  engine.renew()
  const health = { path: '/health', intervalMs: 200, timeoutMs: readyMs / 5, passes: 2, failures: 2, readyMs }
  const { config } = deployOrder({ service: { start: appCommand(), env, health, instances: 1 } })
  const request = engine.order({}, { config: { ...config, environment: engine.environment() } })
  return engine.finished((await engine.start(request)).id)
}
const logTail = (deployment: Deployment) => deployment.reason?.details?.logTail as readonly string[]
const nothingServed = 'this was the first deployment here: there is nothing to go back to, so nothing serves now'

beforeEach(() => engine.renew())

test('instances that never open their port', async () => {
  const deployment = await deployApp({ APP_NEVER_LISTEN: '1' }, 'INSTANCE_NOT_LISTENING')
  expect(deployment).toMatchObject({
    state: 'failed',
    reason: {
      code: 'INSTANCE_NOT_LISTENING',
      message: expect.stringMatching(/^web opened no port within .+; PORT is \d+$/),
      hint: `the program must listen on the port in the environment variable PORT; see the log lines below; ${nothingServed}`,
    },
  })
  expect(logTail(deployment).at(-1)).toContain('started')
})

test('instances that never become ready, with the last 40 lines of their log', async () => {
  const deployment = await deployApp(
    { APP_HEALTH_DELAY_MS: '600000', APP_LOG_BYTES_PER_S: '50000' },
    'INSTANCE_NEVER_READY',
  )
  expect(deployment).toMatchObject({
    state: 'failed',
    reason: {
      code: 'INSTANCE_NEVER_READY',
      message: expect.stringMatching(/^web did not become ready within .+: GET \/health got/),
      hint: expect.stringContaining('health.ready'),
    },
  })
  expect(logTail(deployment)).toHaveLength(40)
})

test('instances that crash, with their exit code', async () => {
  const deployment = await deployApp({ APP_CRASH_AFTER_MS: '0', APP_EXIT_CODE: '7' }, 'INSTANCE_CRASHED')
  expect(deployment).toMatchObject({
    state: 'failed',
    reason: {
      code: 'INSTANCE_CRASHED',
      message: expect.stringContaining('web exited with code 7'),
      hint: expect.stringContaining('read the log lines below'),
      details: { exitCode: 7 },
    },
  })
  expect(logTail(deployment).join('\n')).toContain('crashed on purpose')
})

test('instances whose health answers with an error', async () => {
  expect(await deployApp({ APP_HEALTH_STATUS: '503' }, 'INSTANCE_UNHEALTHY')).toMatchObject({
    state: 'failed',
    reason: {
      code: 'INSTANCE_UNHEALTHY',
      message: expect.stringContaining('web answers GET /health with 503'),
      hint: expect.stringContaining('set `health` of the service to the right path'),
    },
  })
})
