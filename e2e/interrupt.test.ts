import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Installation, installation, must } from '../bench/support/installation.ts'

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
  const env: Record<string, string | undefined> = { ...process.env, SLUICE_HOME: place.home, CI: 'true' }
  delete env.DATABASE_URL
  const child = spawn(process.execPath, [bin, 'deploy', 'e', ...args], { cwd: place.project, env })
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
] as const)(
  'Ctrl-C during %s detaches: it says how to go on, and the deployment ends by itself',
  async (_stage, sign, strategy, { build, ...switches }: Readonly<Record<string, string>>) => {
    await place.setStrategy('e', strategy)
    await place.setService(build === undefined ? {} : { build: { command: build } })
    await place.commit(switches)
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

test('Ctrl-C while the control plane starts leaves it starting: the next command finds it', async () => {
  await place.sluice('down')
  const running = deploy()
  await said(running, 'starting the control plane')
  expect(await interrupt(running)).toBe(130)
  expect(running.output().stderr).not.toMatch(/^\s+at /m)
  must(await place.sluice('up'), 'running')
  expect(await ends()).toBe('succeeded')
}, 90_000)
