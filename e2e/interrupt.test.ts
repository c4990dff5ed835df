import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { identityOf } from '../src/support/process-identity.ts'
import { type Installation, installation, must } from './support/installation.ts'

const bin = resolve(import.meta.dirname, '../bin/sluice')
let place: Installation
beforeAll(async () => {
  place = await installation({ environments: { e: 'rolling' } })
  must(await place.sluice('deploy', 'e'), 'succeeded')
}, 60_000)
afterAll(() => place?.remove(), 60_000)

interface Running {
  readonly child: ChildProcess
  readonly output: () => { readonly stdout: string; readonly stderr: string }
}

function deploy(...args: string[]): Running {
  return start('deploy', 'e', ...args)
}

function start(...args: string[]): Running {
  const env: Record<string, string | undefined> = { ...process.env, SLUICE_HOME: place.home, CI: 'true' }
  delete env.DATABASE_URL
  const child = spawn(process.execPath, [bin, ...args], { cwd: place.project, env })
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()))
  return { child, output: () => output }
}

async function said(running: Running, text: string): Promise<void> {
  const deadline = Date.now() + 60_000
  while (!running.output().stderr.includes(text)) {
    if (Date.now() > deadline || running.child.exitCode !== null) throw new Error(JSON.stringify(running.output()))
    await sleep(10)
  }
}

async function interrupt({ child }: Running): Promise<number | null> {
  child.kill('SIGINT')
  if (child.exitCode === null) await once(child, 'exit')
  return child.exitCode
}

async function latest(): Promise<{ id: string; state: string; running: boolean }> {
  const { document } = await place.sluice('status', 'e')
  return (
    (document.environments as { deployment: { id: string; state: string; running: boolean } }[])[0]?.deployment ?? {
      id: '',
      state: '',
      running: false,
    }
  )
}

async function ends(): Promise<string> {
  const deadline = Date.now() + 60_000
  for (let now = await latest(); ; now = await latest()) {
    if (!now.running) return now.state
    if (Date.now() > deadline) throw new Error(JSON.stringify(now))
    await sleep(100)
  }
}

test.each([
  ['build', '· preparing', 'rolling', { build: 'sleep 2' }],
  ['launch', '· launching', 'rolling', { APP_LISTEN_DELAY_MS: '2000' }],
  ['shift', '· shifting', { name: 'canary', steps: [50], stepTime: '3s', bake: '0s', maxWait: '9s' }, {}],
  ['bake', '· baking', { name: 'blue-green', bake: '3s' }, {}],
  ['settle', '· settling', { name: 'blue-green', bake: '0s' }, { slow: '4000' }],
] as const)(
  'Ctrl-C during %s detaches: it says how to go on, and the deployment ends by itself',
  async (_stage, sign, strategy, { build, slow, ...switches }: Readonly<Record<string, string>>) => {
    await place.setStrategy('e', strategy)
    await place.setService(build === undefined ? {} : { build: { command: build } })
    await place.commit(switches)
    // An answer that the old release still owes keeps it draining.
    const answer = slow === undefined ? null : fetch(`http://127.0.0.1:${place.ports.e}/slow?ms=${slow}`)
    const running = deploy()
    await said(running, sign)
    const before = await latest()
    expect(before.running).toBe(true)
    expect(await interrupt(running)).toBe(130)
    const { stdout, stderr } = running.output()
    expect(stdout).toBe('')
    expect(stderr).toContain(`${before.id} goes on by itself`)
    expect(stderr).toMatch(/follow it with `sluice status .*`, take it back with `sluice cancel d\d+`/)
    expect(stderr).not.toMatch(/^\s+at /m)
    expect(await ends()).toBe('succeeded')
    expect((await answer)?.status ?? 200).toBe(200)
  },
  90_000,
)

test('with --json one document says the same', async () => {
  await place.setStrategy('e', { name: 'blue-green', bake: '3s' })
  await place.commit()
  const running = deploy('--json')
  const before = await latest()
  const deadline = Date.now() + 60_000
  while ((await latest()).id === before.id && Date.now() < deadline) await sleep(50)
  expect(await interrupt(running)).toBe(130)
  expect(JSON.parse(running.output().stdout)).toMatchObject({ v: 1, status: 'error', code: 'INTERRUPTED' })
  expect(await ends()).toBe('succeeded')
}, 90_000)

test('Ctrl-C while `deploy` starts the control plane deploys nothing, and the control plane is found by the next command', async () => {
  const before = await latest()
  must(await place.sluice('down'), 'stopped')
  const running = deploy('--output', 'ndjson')
  await said(running, 'starting the control plane')
  expect(await interrupt(running)).toBe(130)
  expect(JSON.parse(running.output().stdout)).toMatchObject({
    v: 1,
    code: 'INTERRUPTED',
    message: expect.stringContaining('nothing was asked of it'),
  })
  must(await place.sluice('up'), 'running')
  expect((await latest()).id).toBe(before.id)
  expect((await latest()).running).toBe(false)
}, 90_000)

test('Ctrl-C during `up` leaves the control plane starting: the next command finds it', async () => {
  must(await place.sluice('down'), 'stopped')
  const running = start('up')
  await until(async () => existsSync(join(place.home, 'control', 'lock')) || running.child.exitCode !== null)
  expect(await interrupt(running)).toBe(130)
  expect(running.output().stderr).toContain('the control plane may go on starting')
  expect(running.output().stdout).toBe('')
  must(await place.sluice('up'), 'running')
}, 90_000)

test.each([
  [['down'], 'stopping; users are served on', 'the control plane goes on stopping'],
  [['down', '--all'], 'stopping everything', 'everything goes on stopping'],
] as const)(
  'Ctrl-C during `sluice %s` does not call it back',
  async (command, sign, words) => {
    must(await place.sluice('up'), 'running')
    const pid = (await place.controlPid()) ?? 0
    const running = start(...command, '--json')
    const from = (await controlLog()).length
    await until(async () => (await controlLog()).slice(from).includes(sign))
    const code = await interrupt(running)
    const document: unknown = JSON.parse(running.output().stdout)
    // It may have been done before the signal came: then that is the answer.
    if (code === 0) expect(document).toMatchObject({ status: 'stopped' })
    else expect(document).toMatchObject({ code: 'INTERRUPTED', message: `interrupted: ${words}` })
    expect([0, 130]).toContain(code)
    await until(async () => identityOf(pid) === null)
  },
  90_000,
)

const controlLog = () => readFile(join(place.home, 'control', 'control.log'), 'utf8')

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error('it did not come to that within a minute')
    await sleep(10)
  }
}
