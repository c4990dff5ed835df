import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { Deployment } from '../engine/engine.ts'
import type { Outcome } from '../model/deployment.ts'
import { shop, testControlPlane } from './testing/control-plane.ts'
import { type RunSluiceOptions, runSluice } from './testing/run-sluice.ts'

let plane: Awaited<ReturnType<typeof testControlPlane>>
beforeAll(async () => {
  plane = await testControlPlane()
})
afterAll(() => plane.close())
afterEach(async () => {
  plane.engine.script = null
  await plane.configure(shop)
})

const sluice = (args: readonly string[], options: Partial<RunSluiceOptions> = {}) =>
  runSluice(args, { home: plane.home, cwd: plane.project, ...options })

/** Every deployment from now on ends so. */
function everythingEnds(state: Outcome, change: Partial<Deployment> = {}): void {
  plane.engine.script = ({ id }, engine) => engine.finish(id, state, change)
}

const reason = { code: 'INSTANCE_CRASHED', message: 'web ended with code 1', hint: 'read its log' }

test('0: the deployment succeeded, and the document says what runs where', async () => {
  everythingEnds('succeeded')
  const { code, stdout, stderr } = await sluice(['deploy', 'production', '--json'])
  expect(stderr).toBe('')
  expect(code).toBe(0)
  const document: unknown = JSON.parse(stdout)
  expect(document).toMatchObject({
    v: 1,
    status: 'succeeded',
    environment: 'production',
    deployment: expect.stringMatching(/^d\d+$/),
    release: expect.stringMatching(/^r\d+$/),
    urls: ['http://localhost:8080/'],
    seconds: { prepare: 0.1 },
    reason: null,
    verdict: null,
  })
  expect(document).toHaveProperty('previousRelease')
})

test('1: the control plane does not answer', async () => {
  const silent = await testControlPlane()
  await silent.closeApi()
  const { code, stdout } = await runSluice(['status', '--json'], { home: silent.home, cwd: silent.project })
  expect(JSON.parse(stdout)).toMatchObject({ v: 1, status: 'error', code: 'CONTROL_PLANE_UNREACHABLE' })
  expect(code).toBe(1)
  await silent.close()
})

test('2: a command, a flag or an environment is mistyped, and the nearest one is named', async () => {
  const cases = [
    { args: ['depoly', 'production'], code: 'USAGE', hint: 'deploy' },
    { args: ['deploy', 'production', '--detahc'], code: 'USAGE', hint: '--detach' },
    { args: ['deploy', 'prodution'], code: 'ENVIRONMENT_UNKNOWN', hint: 'production' },
    { args: ['deploy'], code: 'USAGE', hint: '' },
  ]
  for (const { args, code, hint } of cases) {
    const ran = await sluice([...args, '--json'])
    expect(ran.code, args.join(' ')).toBe(2)
    const document = JSON.parse(ran.stdout) as { readonly hint: string }
    expect(document).toMatchObject({ v: 1, status: 'error', code })
    expect(document.hint).toContain(hint)
    expect(ran.stderr).not.toContain('    at ')
  }
})

test('2: a word alone names its commands, an empty one is told, and `releases` lists', async () => {
  for (const word of ['secret', 'config', 'env']) {
    const { code, stdout } = await sluice([word, '--json'])
    expect(code).toBe(2)
    const { message, hint } = JSON.parse(stdout) as { readonly message: string; readonly hint: string }
    expect(message).toBe(`sluice ${word} needs a command`)
    expect(hint).toMatch(new RegExp(`\`sluice ${word} [a-z]+\` \\(.*, \`sluice ${word} `))
  }
  for (const args of [
    ['deploy', ''],
    ['status', ''],
    ['logs', 'production', ' '],
    ['deploy', 'production', '--timeout='],
  ]) {
    const { code, stdout } = await sluice([...args, '--json'])
    expect([code, JSON.parse(stdout)], args.join(' ')).toMatchObject([
      2,
      { code: 'USAGE', message: expect.stringMatching(/is empty$/) },
    ])
  }
  for (const args of [['releases'], ['releases', '--json'], ['releases', 'list']]) {
    expect((await sluice(args)).code, args.join(' ')).toBe(0)
  }
})

test('2: an environment of another project, an edge and a count that do not exist', async () => {
  const before = plane.engine.rows.length
  const cases = [
    { args: ['deploy', 'other.staging'], code: 'ENVIRONMENT_UNKNOWN', hint: 'shop.staging' },
    { args: ['deploy', 'staging', '--edge', 'apache'], code: 'USAGE', hint: 'node or haproxy' },
    { args: ['up', '--edge', 'apache'], code: 'USAGE', hint: 'node or haproxy' },
    { args: ['deploy', 'staging', '--timeout', 'soon'], code: 'USAGE', hint: '10m' },
    { args: ['logs', 'staging', '--tail', '1e9'], code: 'USAGE', hint: '100000' },
    { args: ['deploy', 'staging', '--output', 'xml'], code: 'USAGE', hint: 'ndjson' },
  ]
  for (const { args, code, hint } of cases) {
    const ran = await sluice([...args, '--json'])
    expect(ran.code, args.join(' ')).toBe(2)
    expect(JSON.parse(ran.stdout)).toMatchObject({ code, hint: expect.stringContaining(hint) })
  }
  expect(plane.engine.rows.length).toBe(before)
})

test('2: what is missing or too much is no slip of the pen: nothing is suggested for it', async () => {
  for (const args of [
    ['releases', 'show'],
    ['deploy', 'production', 'extra'],
  ]) {
    const { code, stdout } = await sluice([...args, '--json'])
    expect(code).toBe(2)
    const hint = expect.stringMatching(/^see `sluice (deploy|releases show) --help`$/)
    expect(JSON.parse(stdout)).toMatchObject({ code: 'USAGE', hint })
  }
})

test('2: the configuration is wrong, with every problem listed', async () => {
  await plane.configure({ project: 'Shop', services: { web: { starts: 'x' } }, environments: {} })
  const machine = await sluice(['deploy', 'production', '--json'])
  expect(machine.code).toBe(2)
  const document = JSON.parse(machine.stdout) as { readonly problems: readonly unknown[] }
  expect(document).toMatchObject({ status: 'error', code: 'CONFIG_INVALID' })
  expect(document.problems.length).toBeGreaterThan(2)
  const person = await sluice(['deploy', 'production'])
  expect(person.stdout).toBe('')
  expect(person.stderr).toContain('services.web.starts')
  expect(person.stderr).not.toContain('    at ')
})

test('3: the token is wrong', async () => {
  const foreign = await testControlPlane({ token: 'sluice_other' })
  const { code, stdout } = await runSluice(['status', '--json'], { home: foreign.home, cwd: foreign.project })
  expect(JSON.parse(stdout)).toMatchObject({ code: 'UNAUTHORIZED' })
  expect(code).toBe(3)
  await foreign.close()
})

test('3: the token is missing', async () => {
  const { home, project, close } = await testControlPlane()
  await rm(join(home, 'control', 'token'))
  const { code, stdout } = await runSluice(['status', '--json'], { home, cwd: project })
  expect(JSON.parse(stdout)).toMatchObject({ code: 'UNAUTHORIZED', message: expect.stringContaining('missing') })
  expect(code).toBe(3)
  await close()
})

test('4: it failed or was rolled back, and the old release serves', async () => {
  for (const state of ['failed', 'rolled-back', 'cancelled', 'superseded'] as const) {
    everythingEnds(state, { reason })
    const { code, stdout } = await sluice(['deploy', 'production', '--json'])
    expect(JSON.parse(stdout)).toMatchObject({ v: 1, status: state, reason })
    expect(code, state).toBe(4)
  }
})

test('5: the rollback failed as well', async () => {
  everythingEnds('rollback-failed', { reason })
  expect((await sluice(['deploy', 'production', '--json'])).code).toBe(5)
  expect((await sluice(['rollback', 'production', '--json'])).code).toBe(5)
})

test('6: a person is asked, and nobody is there to answer', async () => {
  plane.engine.script = ({ id, environment }, engine) => {
    engine.change(id, {
      state: 'shifting',
      question: {
        text: 'the second look stayed undecided',
        options: ['promote', 'roll-back'],
        who: null,
        deadline: '2099-01-01T00:00:00.000Z',
      },
    })
    engine.tell({ type: 'deployment.judge', deployment: id, environment, data: { action: 'hold', ask: true } })
  }
  const { code, stdout } = await sluice(['deploy', 'production', '--json'])
  expect(code).toBe(6)
  expect(JSON.parse(stdout)).toMatchObject({ v: 1, status: 'waiting', deployment: expect.stringMatching(/^d/) })
})

test('a wait that is longer than timers can be is a long one', async () => {
  plane.engine.script = ({ id }, engine) => void setTimeout(() => engine.finish(id, 'succeeded'), 200)
  const { code, stderr } = await sluice(['deploy', 'production', '--timeout', '99999h', '--json'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
})

test('what people read is true of what has not ended, and of what ended before it had a release', async () => {
  const started = await sluice(['deploy', 'production', '--detach'])
  expect(started.stdout).toMatch(/^d\d+ started: shop\.production is on its way to /)
  everythingEnds('failed', { release: null, previousRelease: null })
  expect((await sluice(['deploy', 'production'])).stdout).toMatch(/failed: shop\.production is served as before/)
  everythingEnds('failed', { release: 'r1', previousRelease: null })
  expect((await sluice(['deploy', 'production'])).stdout).toMatch(/failed: shop\.production serves nothing/)
  everythingEnds('rollback-failed', { release: 'r2', previousRelease: 'r1' })
  expect((await sluice(['deploy', 'production'])).stdout).toMatch(/may be served by r2 or by r1/)
})

test('7: the wait timed out, and the deployment goes on', async () => {
  const { code, stdout } = await sluice(['deploy', 'production', '--timeout', '300ms', '--json'])
  expect(code).toBe(7)
  expect(JSON.parse(stdout)).toMatchObject({ v: 1, status: 'error', code: 'WAIT_TIMED_OUT' })
  expect(plane.engine.rows.at(-1)?.running).toBe(true)
})

test('130: Ctrl-C detaches, says how to go on, and the deployment goes on', async () => {
  const { code, stderr } = await sluice(['deploy', 'production', '--output', 'ndjson'], {
    onOutput: (stdout, kill) => {
      if (stdout.includes('deployment.created')) kill('SIGINT')
    },
  })
  const last = plane.engine.rows.at(-1)
  expect(code).toBe(130)
  expect(last?.running).toBe(true)
  expect(stderr).toBe('')
})

test('130: Ctrl-C while the configuration is loaded, in one document', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-slow-config-'))
  const mark = join(folder, 'loading')
  const text = `import { writeFileSync } from 'node:fs'
writeFileSync(${JSON.stringify(mark)}, '')
await new Promise((done) => setTimeout(done, 60_000))
export default {}`
  await writeFile(join(folder, 'sluice.config.mjs'), text)
  const ran = sluice(['config', 'validate', '--json', '--config', 'sluice.config.mjs'], {
    cwd: folder,
    onStart: async (kill) => {
      const deadline = Date.now() + 120_000
      while (!existsSync(mark) && Date.now() < deadline) await sleep(20)
      kill('SIGINT')
    },
  })
  const { code, stdout } = await ran
  expect(JSON.parse(stdout)).toMatchObject({ v: 1, status: 'error', code: 'INTERRUPTED' })
  expect(code).toBe(130)
  await rm(folder, { recursive: true, force: true })
})
