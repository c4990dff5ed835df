import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { SluiceError } from '../model/error.ts'
import type { ReleaseDatabase } from '../model/release.ts'
import { ada } from '../model/testing/ada.ts'
import { CUT_MARK } from '../support/lines.ts'
import type { Deployment } from './engine.ts'
import { scriptedJudge } from './testing/scripted-judge.ts'
import { type TestEngine, testEngine } from './testing/test-engine.ts'

/** What must not be found anywhere: each way for a credential to come in has one of its own. */
const canary = {
  secret: 'canary-secret-1',
  variable: 'canary-variable-2',
  buildVariable: 'canary-build-3',
  url: 'canary@url 4',
  start: 'canary-start-5',
  release: 'canary-release-6',
  unknown: 'canary-unknown-7',
} as const
const written = [...Object.values(canary), encodeURIComponent(canary.url)]
/** All that programs are given. `unknown` looks like no credential, but nobody is shown it as a variable's value. */
const known = written.filter((value) => value !== canary.unknown && value !== canary.buildVariable).join(' ')
/** Prints them without their being written in the command. */
const printing = `echo ${known.replaceAll('canary', "can''ary")}`

let engine: TestEngine
beforeAll(async () => {
  engine = await testEngine({ judge: scriptedJudge() })
})
beforeEach(() => engine.renew())
afterAll(() => engine?.remove())

const database = (command: string): ReleaseDatabase => ({
  engine: 'postgres',
  url: `postgres://app:${encodeURIComponent(canary.url)}@db.example/shop`,
  release: `RELEASE_TOKEN=${canary.release} ; ${command}`,
})

async function deploy(command = 'true', change: Readonly<Record<string, string>> = {}): Promise<Deployment> {
  await engine.parts.engine.secrets.set(ada, engine.key(), 'CANARY', canary.secret)
  const request = engine.order()
  const services = request.config.services.map((service) => ({
    ...service,
    start: `START_PASSWORD=${canary.start} node server.js`,
    env: { API_KEY: canary.variable, LOG_LEVEL: 'info', ...change },
  }))
  const build = { ...request.config.build, env: { NPM_TOKEN: canary.buildVariable } }
  const { id } = await engine.start({
    ...request,
    config: { ...request.config, services, build, database: database(command) },
  })
  return engine.finished(id)
}

/** Everything that a reader can get at. */
async function everything(): Promise<string> {
  const { releases, deployments, environments } = engine.parts.engine
  const events = await engine.store.pool.query('select data from events')
  const steps = await engine.store.pool.query('select * from activity_steps')
  const lines: string[] = []
  const query = { environment: engine.key(), tail: 10, follow: false, signal: AbortSignal.timeout(10_000) }
  for await (const { line } of environments.logs(query)) lines.push(line)
  return JSON.stringify([
    await releases.list({ limit: 100 }),
    await deployments.list({ limit: 100 }),
    await environments.list(),
    events.rows,
    steps.rows,
    lines,
  ])
}

function expectNoCanary(text: string): void {
  expect(written.filter((value) => text.includes(value))).toEqual([])
}

test('nothing that lets one in is found in what readers are shown of a release that serves', async () => {
  const print = `${printing} ; echo "$DATABASE_URL"`
  engine.buildPrints(`building with ${canary.buildVariable} and ${canary.secret}`)
  engine.target.logLines.push(`${known} postgres://x:${canary.unknown}@h/d`)
  const first = await deploy(print)
  expect(first.state, JSON.stringify(first.reason)).toBe('succeeded')
  const second = await deploy(`${print} # again`, { API_KEY: `${canary.variable}-new`, GREETING: canary.unknown })
  expect(second.state, JSON.stringify(second.reason)).toBe('succeeded')
  expect(second.differences).toContainEqual('web.env API_KEY: changed')

  const text = await everything()
  expectNoCanary(text)
  expect(text).toContain('"LOG_LEVEL":"info"')
  expect(text).toContain('postgres://app:••••••@db.example/shop')
  const { record } = await engine.parts.engine.releases.get(first.release ?? '')
  expect(record.services[0]?.env).toEqual({ API_KEY: '••••••', LOG_LEVEL: 'info' })
})

test('nor in what is told of one that failed', async () => {
  const command = await deploy(`${printing} ; exit 3`)
  expect(command).toMatchObject({ state: 'failed', reason: { code: 'RELEASE_COMMAND_FAILED' } })
  expectNoCanary(await everything())

  engine.failNextBuild(
    new SluiceError('BUILD_FAILED', `failed: BUILD_TOKEN=${canary.unknown} npm run build`, {
      hint: `with ${canary.buildVariable}`,
      details: { logTail: [`${canary.buildVariable} ${canary.secret}`] },
    }),
  )
  expect(await deploy()).toMatchObject({ state: 'failed', reason: { code: 'BUILD_FAILED' } })
  expectNoCanary(await everything())
  engine.renew()

  const longLine = `${'x'.repeat(90)} ${canary.variable.slice(0, -4)}… (cut: 9000 characters)`
  expect(longLine).toMatch(CUT_MARK)
  engine.target.beforeScale = async () => {
    throw new SluiceError('INSTANCE_CRASHED', 'web exited', {
      hint: `\`START_PASSWORD=${canary.start} node server.js\` must stay in the foreground`,
      details: { logTail: [known, longLine] },
    })
  }
  const crash = await deploy()
  expect(crash).toMatchObject({ state: 'failed', reason: { code: 'INSTANCE_CRASHED' } })
  const text = await everything()
  expectNoCanary(text)
  expect(text).not.toContain(canary.variable.slice(0, -4))
})
