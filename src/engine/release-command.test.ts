import { chmod } from 'node:fs/promises'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { ada } from '../model/testing/ada.ts'
import { listEvents } from '../store/events.ts'
import type { Deployment } from './engine.ts'
import { scriptedJudge } from './testing/scripted-judge.ts'
import { type TestEngine, testEngine } from './testing/test-engine.ts'

const URL = 'postgres://shop:open-sesame@localhost/shop'
/** Far more than a command that obeys needs, and little to wait for of one that does not. */
const GRACE_MS = 4000
let engine: TestEngine
beforeAll(async () => {
  engine = await testEngine({ judge: scriptedJudge(), databaseUrl: URL, safePointGraceMs: GRACE_MS })
})
beforeEach(() => engine.renew())
afterAll(() => engine?.remove())

async function startWith(release: string, user?: string): Promise<Deployment> {
  const request = engine.order()
  const { config } = request
  const services = config.services.map((service) => ({ ...service, ...(user === undefined ? {} : { user }) }))
  const database = { engine: 'postgres' as const, release }
  return engine.start({ ...request, config: { ...config, services, database } })
}

async function deployWith(release: string, user?: string): Promise<Deployment> {
  return engine.finished((await startWith(release, user)).id)
}

/** Starts the command, and resolves when it has said that it is at work. */
async function atWork(release: string): Promise<Deployment> {
  const { id } = await startWith(`echo at work; ${release}`)
  for (;;) {
    const deployment = await engine.until(id, ({ running, state }) => state === 'migrating' || !running)
    if ((await linesOf(deployment)).includes('at work')) return deployment
    expect(deployment.running, JSON.stringify(deployment.reason)).toBe(true)
  }
}

async function linesOf({ id }: Deployment): Promise<readonly string[]> {
  const events = await listEvents(engine.store.database, { after: 0, activity: id, limit: 1000 })
  return events.flatMap(
    ({ type, data }) => (type === 'deployment.log' && data.source === 'release' ? data.lines : []) as string[],
  )
}

test('its lines are told without the address of the database', async () => {
  const deployment = await deployWith('echo "to $DATABASE_URL"; echo on error >&2')
  expect(deployment.state).toBe('succeeded')
  expect([...(await linesOf(deployment))].sort()).toEqual(['on error', 'to ••••••'])
})

test('when it fails users see nothing, and its last lines say why', async () => {
  const first = await engine.serve()
  const failed = await deployWith('i=0; while [ $i -lt 60 ]; do i=$((i+1)); echo line $i; done; exit 3')
  expect(failed).toMatchObject({
    state: 'failed',
    reason: { code: 'RELEASE_COMMAND_FAILED', message: expect.stringContaining('exit code 3') },
  })
  expect(failed.reason?.details?.['logTail']).toEqual(Array.from({ length: 40 }, (_, index) => `line ${index + 21}`))
  expect(engine.target.splitOf(engine.key())).toMatchObject({ base: first.release })
})

test('however much it prints, little is kept', async () => {
  const deployment = await deployWith("head -c 80000000 /dev/zero | tr '\\0' x; echo; echo done")
  expect(deployment.state, JSON.stringify(deployment.reason)).toBe('succeeded')
  const [long = '', last] = await linesOf(deployment)
  expect([long.length < 10_000, last]).toEqual([true, 'done'])
})

test.runIf(process.getuid?.() === 0)('it runs as the user of the first service', async () => {
  await chmod(engine.directory, 0o755)
  const deployment = await deployWith('id -u; id -G; echo $HOME', '65534:65533')
  expect(deployment.state, JSON.stringify(deployment.reason)).toBe('succeeded')
  expect((await linesOf(deployment)).slice(0, 2)).toEqual(['65534', '65533'])
  expect(await deployWith('true', 'nobody-of-this-name')).toMatchObject({
    state: 'failed',
    reason: { code: 'USER_UNAVAILABLE' },
  })
})

const statement = 'while :; do sleep 0.05; done'
const orderly = `trap 'sleep 0.2; echo statement finished; exit 0' TERM; ${statement}`

test.each([
  ['a newer deployment', 'superseded', () => engine.deploy()],
  ['a rollback', 'superseded', () => engine.parts.engine.deployments.rollback(ada, { environment: engine.key() })],
  ['a cancellation', 'cancelled', ({ id }: Deployment) => engine.parts.engine.deployments.cancel(ada, id)],
] as const)('%s asks it to stop, and waits until it has', async (_who, outcome, stop) => {
  const first = await engine.serve()
  const second = await engine.serve()
  const deployment = await atWork(orderly)
  expect(deployment).toMatchObject({ state: 'migrating', running: true })
  const other = await stop(deployment)
  const ended = await engine.finished(deployment.id)
  expect(ended).toMatchObject({
    state: outcome,
    reason: { message: expect.stringMatching(/the release command was asked to stop and ended with exit code 0$/) },
  })
  expect(await linesOf(ended)).toContain('statement finished')
  expect(ended.seconds['migrate']).toBeGreaterThan(0.2)
  expect(engine.target.orders.some((order) => order.startsWith(`scale ${ended.release}`))).toBe(false)
  if (other.id === ended.id) return
  const after = await engine.finished(other.id)
  expect(after.state).toBe('succeeded')
  expect(after.release).toBe(other.kind === 'rollback' ? first.release : after.release)
  expect(after.previousRelease).toBe(second.release)
  expect(Date.parse(after.servingAt ?? '')).toBeGreaterThan(Date.parse(ended.finishedAt ?? ''))
})

test('one that does not stop is killed when its grace is over, and that is said', async () => {
  const deployment = await atWork(`trap '' TERM; ${statement}`)
  await engine.parts.engine.deployments.cancel(ada, deployment.id)
  expect(await engine.finished(deployment.id)).toMatchObject({
    state: 'cancelled',
    reason: {
      message: 'cancelled by ada; the release command was asked to stop and did not end within 4 s and was killed',
      hint: expect.stringContaining('the database keeps what the command had done'),
    },
  })
})

test('its time is its own, and without a command no time is counted for it', async () => {
  const withCommand = await deployWith('sleep 0.3')
  expect(withCommand.seconds['migrate']).toBeGreaterThan(0.3)
  expect(withCommand.steps.map(({ name }) => name)).toContain('database')
  expect((await engine.serve()).seconds).not.toHaveProperty('migrate')
})
