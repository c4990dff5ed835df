import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
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
})
afterAll(() => place?.remove())

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
  const deadline = Date.now() + 180_000
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
  const deadline = Date.now() + 180_000
  for (let now = await latest(); ; now = await latest()) {
    if (!now.running) return now.state
    if (Date.now() > deadline) throw new Error(JSON.stringify(now))
    await sleep(100)
  }
}

test.each([
  ['build', '· preparing', 'rolling', {}],
  ['launch', '· launching', 'rolling', { APP_LISTEN_DELAY_MS: '6000' }],
  ['shift', '· shifting', { name: 'canary', steps: [50], stepTime: '8s', bake: '0s', maxWait: '20s' }, {}],
  ['bake', '· baking', { name: 'blue-green', bake: '8s' }, {}],
  ['settle', '· settling', { name: 'blue-green', bake: '0s' }, {}],
] as const)(
  'Ctrl-C during %s detaches: it says how to go on, and the deployment ends by itself',
  async (stage, sign, strategy, switches: Readonly<Record<string, string>>) => {
    const gate = join(place.home, 'may-go-on')
    await place.setStrategy('e', strategy)
    await place.setService(stage === 'build' ? { build: { command: `until [ -e ${gate} ]; do sleep 0.1; done` } } : {})
    if (stage === 'settle') await place.setService({ drain: '120s' })
    await place.commit(switches)
    if (stage === 'settle') must(await place.sluice('deploy', 'e'), 'succeeded')
    // A request that the old release is still being sent keeps it draining.
    const upload = stage === 'settle' ? openUpload() : null
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
    await writeFile(gate, '')
    upload?.end()
    expect(await ends()).toBe('succeeded')
    await rm(gate)
    expect((await upload?.answer) ?? 200).toBe(200)
  },
)

function openUpload(): { end(): void; readonly answer: Promise<number> } {
  const { promise: answer, resolve, reject } = Promise.withResolvers<number>()
  const open = request({ port: place.ports.e, method: 'POST', path: '/upload' }, (response) => {
    response.resume()
    resolve(response.statusCode ?? 0)
  })
  open.on('error', reject)
  open.write('begun')
  const alive = setInterval(() => open.write('.'), 1000)
  return {
    answer,
    end: () => {
      clearInterval(alive)
      open.end()
    },
  }
}

test('with --json one document says the same', async () => {
  await place.setStrategy('e', { name: 'blue-green', bake: '3s' })
  await place.commit()
  const before = await latest()
  const running = deploy('--json')
  const deadline = Date.now() + 180_000
  while ((await latest()).id === before.id && Date.now() < deadline) await sleep(50)
  expect(await interrupt(running)).toBe(130)
  expect(JSON.parse(running.output().stdout)).toMatchObject({ v: 1, status: 'error', code: 'INTERRUPTED' })
  expect(await ends()).toBe('succeeded')
})

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
})

test('Ctrl-C during `up` leaves the control plane starting: the next command finds it', async () => {
  must(await place.sluice('down'), 'stopped')
  const running = start('up')
  await until(async () => existsSync(join(place.home, 'control', 'lock')) || running.child.exitCode !== null)
  expect(await interrupt(running)).toBe(130)
  expect(running.output().stderr).toContain('the control plane may go on starting')
  expect(running.output().stdout).toBe('')
  must(await place.sluice('up'), 'running')
})

test.each([
  [['down'], 'stopping; users are served on', 'the control plane goes on stopping'],
  [['down', '--all'], 'stopping everything', 'everything goes on stopping'],
] as const)('Ctrl-C during `sluice %s` does not call it back', async (command, sign, words) => {
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
})

const controlLog = () => readFile(join(place.home, 'control', 'control.log'), 'utf8')

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 180_000
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error('it did not come to that within a minute')
    await sleep(10)
  }
}
