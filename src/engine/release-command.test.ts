import { chmod } from 'node:fs/promises'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { ada } from '../model/testing/ada.ts'
import { listEvents } from '../store/events.ts'
import type { Deployment } from './engine.ts'
import { scriptedJudge } from './testing/scripted-judge.ts'
import { type TestEngine, testEngine } from './testing/test-engine.ts'

const URL = 'postgres://shop:open-sesame@localhost/shop'
let engine: TestEngine
beforeAll(async () => {
  engine = await testEngine({ judge: scriptedJudge(), databaseUrl: URL })
})
beforeEach(() => engine.renew())
afterAll(() => engine?.remove())

async function deployWith(release: string, user?: string): Promise<Deployment> {
  const request = engine.request()
  const { config } = request
  const services = config.services.map((service) => ({ ...service, ...(user === undefined ? {} : { user }) }))
  const database = { engine: 'postgres' as const, release }
  const { id } = await engine.parts.engine.deployments.deploy(ada, {
    ...request,
    config: { ...config, services, database },
  })
  return engine.finished(id)
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
