import { spawn } from 'node:child_process'
import { chmod, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  appCommand,
  appFolder,
  eventually,
  isProcessAlive,
  logOf,
  runSpec,
  stopAll,
  temporaryFolder,
} from '../testing/fixture.ts'
import { processRuntime } from './process-runtime.ts'
import type { Runtime } from './runtime.ts'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let runtime: Runtime

beforeEach(async () => {
  folder = await temporaryFolder()
  runtime = processRuntime({ directory: folder.path })
})
afterEach(async () => {
  await stopAll(runtime)
  await folder.remove()
})

test('a started program is found by another runtime on the same folder', async () => {
  const started = await runtime.start(runSpec({ id: 'r1-web-0-a', port: 4711 }))
  expect(started).toMatchObject({ alive: true, restarts: 0, port: 4711, release: 'r1', service: 'web' })
  const other = processRuntime({ directory: folder.path })
  await eventually(async () => (await logOf(started.logFile)).includes('listening on'))
  const [found] = await other.list()
  expect(found).toMatchObject({ id: 'r1-web-0-a', alive: true, environment: 'shop.test' })
})

test('starting a running id adopts it instead of starting a second process', async () => {
  const first = await runtime.start(runSpec({ id: 'a' }))
  await eventually(async () => (await logOf(first.logFile)).includes('listening on'))
  const [second, third] = await Promise.all([
    runtime.start(runSpec({ id: 'a' })),
    processRuntime({ directory: folder.path }).start(runSpec({ id: 'a' })),
  ])
  expect(second.startedAt).toBe(first.startedAt)
  expect(third.startedAt).toBe(first.startedAt)
  expect((await logOf(first.logFile)).match(/app dev started/g)).toHaveLength(1)
})

test('environment variables are never written to disk', async () => {
  const run = await runtime.start(runSpec({ id: 'a', env: { PATH: '/usr/bin:/bin', API_KEY: 'hush-hush-4711' } }))
  await eventually(async () => (await logOf(run.logFile)).includes('listening on'))
  const grep = spawn('grep', ['-r', 'hush-hush', folder.path], { stdio: 'ignore' })
  expect(await new Promise((resolve) => grep.on('exit', resolve))).toBe(1)
})

test('the exit code of a program that ended while nobody watched is found later', async () => {
  await runtime.start(runSpec({ id: 'a', command: 'exit 42' }))
  const dead = await eventually(async () => {
    const run = await processRuntime({ directory: folder.path }).inspect('a')
    return run?.alive === false ? run : null
  })
  expect(dead.exit?.code).toBe(42)
  expect(Date.parse(dead.exit?.at ?? '')).toBeGreaterThan(0)
})

test('the end of a program is announced at once by the runtime that started it', async () => {
  const ended = new Promise((resolve) => runtime.onExit(resolve))
  await runtime.start(runSpec({ id: 'a', command: 'exit 3' }))
  expect(await ended).toBe('a')
  expect(await runtime.inspect('a')).toMatchObject({ alive: false, exit: { code: 3 } })
})

test('a dead program is started again under its id, with its log kept and its restarts counted', async () => {
  await runtime.start(runSpec({ id: 'a', command: 'echo first; exit 1' }))
  await eventually(async () => (await runtime.inspect('a'))?.exit?.code === 1)
  const again = await runtime.start(runSpec({ id: 'a', command: 'echo second; sleep 60' }))
  expect(again).toMatchObject({ alive: true, restarts: 1 })
  await eventually(async () => (await logOf(again.logFile)) === 'first\nsecond\n')
})

test('a program that ends on SIGTERM gets its grace and its record is removed', async () => {
  const run = await runtime.start(runSpec({ id: 'a' }))
  await eventually(async () => (await logOf(run.logFile)).includes('listening on'))
  await runtime.stop('a', { graceMs: 20_000, keepLog: true })
  expect(await runtime.list()).toEqual([])
  const [kept] = await runtime.list({ removed: true })
  expect(kept?.exit?.code).toBe(0)
  expect(await logOf(run.logFile)).toContain('SIGTERM')
  await runtime.stop('a', { graceMs: 20_000, keepLog: false })
})

test('a program that ignores SIGTERM is killed after the grace with its forked children', async () => {
  const run = await runtime.start(
    runSpec({ id: 'a', command: appCommand('--port=0', '--ignore-sigterm', '--children=2') }),
  )
  const log = await eventually(async () => {
    const text = await logOf(run.logFile)
    return text.includes('listening on') && text
  })
  const children = [...log.matchAll(/child (\d+)/g)].map((match) => Number(match[1]))
  expect(children).toHaveLength(2)
  await runtime.stop('a', { graceMs: 200, keepLog: false })
  for (const pid of [run.pid, ...children]) expect(await isProcessAlive(pid)).toBe(false)
})

test('children that left the process group die on stop as well', async () => {
  const run = await runtime.start(
    runSpec({ id: 'a', command: appCommand('--port=0', '--children=1', '--detach-children') }),
  )
  const child = await eventually(async () => /child (\d+)/.exec(await logOf(run.logFile))?.[1])
  await runtime.stop('a', { graceMs: 200, keepLog: false })
  // A killed process takes a moment to be gone.
  expect(await eventually(async () => !(await isProcessAlive(Number(child))))).toBe(true)
})

test('a program whose shim was killed counts as dead, and its rest is swept before the next start', async () => {
  const run = await runtime.start(runSpec({ id: 'a', command: `${appCommand('--port=0')}; true` }))
  const app = await eventually(async () => /pid (\d+)/.exec(await logOf(run.logFile))?.[1])
  const shim = Number(await readFile(join(folder.path, 'shop.test', 'a', 'run', 'shim'), 'utf8'))
  process.kill(shim, 'SIGKILL')
  const dead = await eventually(async () => {
    const state = await runtime.inspect('a')
    return state?.alive === false && state
  })
  expect(dead).toMatchObject({ exit: { code: null } })
  expect(await isProcessAlive(Number(app))).toBe(true)
  await runtime.start(runSpec({ id: 'a' }))
  expect(await isProcessAlive(Number(app))).toBe(false)
})

test('a run is adopted when we died between its start and its record', async () => {
  const run = await runtime.start(runSpec({ id: 'a' }))
  await eventually(async () => (await logOf(run.logFile)).includes('listening on'))
  await rm(join(folder.path, 'shop.test', 'a', 'identity.json'))
  expect(await processRuntime({ directory: folder.path }).inspect('a')).toMatchObject({ alive: true })
})

test('after a reboot nothing is taken for alive, whatever the pids say', async () => {
  await runtime.start(runSpec({ id: 'a' }))
  const file = join(folder.path, 'shop.test', 'a', 'identity.json')
  const identity = JSON.parse(await readFile(file, 'utf8'))
  await writeFile(file, JSON.stringify({ ...identity, bootId: 'an-earlier-boot' }))
  expect(await runtime.inspect('a')).toMatchObject({ alive: false, exit: { code: null } })
  await writeFile(file, JSON.stringify(identity))
})

test('a missing folder is an error that names it', async () => {
  await expect(runtime.start(runSpec({ id: 'a', cwd: join(folder.path, 'nowhere') }))).rejects.toMatchObject({
    code: 'ARTIFACT_MISSING',
  })
  expect(await runtime.list()).toEqual([])
})

test('a log that is filled stays within its limits and the program goes on', async () => {
  const limits = { bytes: 100_000, files: 3 }
  runtime = processRuntime({ directory: folder.path, logLimits: limits })
  const run = await runtime.start(runSpec({ id: 'a', command: appCommand('--port=0', '--log-bytes-per-s=5000000') }))
  await eventually(async () => {
    await runtime.tidy()
    return stat(`${run.logFile}.2`).catch(() => null)
  })
  for (const age of [1, 2]) expect((await stat(`${run.logFile}.${age}`)).size).toBeLessThan(3 * limits.bytes)
  await expect(stat(`${run.logFile}.3`)).rejects.toThrow()
  // Truncation must not leave a hole of NUL bytes in front of the next line.
  await eventually(async () => (await logOf(run.logFile)).length > 0)
  expect((await logOf(run.logFile)).slice(0, 10_000)).not.toContain('\0')
  expect(await runtime.inspect('a')).toMatchObject({ alive: true })
})

test.skipIf(process.getuid?.() !== 0)('as root, programs run as the configured user (needs root)', async () => {
  await chmod(folder.path, 0o755)
  const user = { uid: 65534, gid: 65534 }
  const run = await runtime.start(runSpec({ id: 'a', command: 'id -u; id -G; exit 7', cwd: '/', user }))
  const dead = await eventually(async () => {
    const state = await runtime.inspect('a')
    return state?.exit?.code === 7 && state
  })
  expect(await logOf(dead.logFile)).toBe('65534\n65534\n')
  expect((await stat(run.logFile)).uid).toBe(65534)
  expect((await stat(join(folder.path, 'shop.test', 'a', 'spec.json'))).uid).toBe(0)
})

test('a program that leaks is ended at its memory limit, and its log says so', async () => {
  const run = await runtime.start(
    runSpec({
      id: 'a',
      command: appCommand('--port=0', '--leak-mb-per-s=400'),
      limits: { memoryBytes: 300 * 1024 * 1024 },
    }),
  )
  const dead = await eventually(async () => {
    await runtime.tidy()
    const state = await runtime.inspect('a')
    return state?.alive === false && state
  })
  // By us with the code of SIGKILL, or by the kernel under systemd.
  expect(dead.exit?.code ?? 137).toBe(137)
  if (!runtime.capabilities.memoryLimit) expect(await logOf(run.logFile)).toContain('its limit is 300 MB')
})

test.skipIf(process.getuid?.() !== 0)(
  'a folder that the configured user cannot enter is named (needs root)',
  async () => {
    const user = { uid: 65534, gid: 65534 }
    await expect(runtime.start(runSpec({ id: 'a', cwd: folder.path, user }))).rejects.toMatchObject({
      code: 'HOME_FOREIGN',
      message: expect.stringContaining(folder.path),
    })
  },
)

test('limits that cannot be enforced are said to be so', () => {
  const { memoryLimit, cpuLimit, limitsNote } = runtime.capabilities
  expect(memoryLimit).toBe(cpuLimit)
  expect(limitsNote === null).toBe(memoryLimit)
})

test('a program killed by -9 is seen with the code of its signal', async () => {
  const run = await runtime.start(runSpec({ id: 'a', cwd: appFolder }))
  const pid = await eventually(async () => /pid (\d+)/.exec(await logOf(run.logFile))?.[1])
  process.kill(Number(pid), 'SIGKILL')
  await eventually(async () => (await runtime.inspect('a'))?.exit?.code === 137)
})
