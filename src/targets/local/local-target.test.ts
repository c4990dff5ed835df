import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { RouteTable } from '../../edge/edge.ts'
import { SluiceError } from '../../model/error.ts'
import type { Instance } from '../../model/instance.ts'
import { run } from '../../support/run.ts'
import { look, only, options } from '../target.contract.ts'
import { freePorts } from './instances/ports.ts'
import { appFolder, eventually, isListening, isProcessAlive } from './testing/fixture.ts'
import { environment, type LocalWorld, localWorld } from './testing/local-world.ts'
import { PlainEdge } from './testing/plain-edge.ts'

let world: LocalWorld
const changes: (Instance & { readonly detail: string })[] = []
beforeEach(async () => {
  changes.length = 0
  world = await localWorld({ options: { onChange: (instance, detail) => changes.push({ ...instance, detail }) } })
})
afterEach(() => world.close())

async function serve(id: string, count = 1, env: Record<string, string> = {}) {
  await world.target.fleets.scale(world.release({ id, env }), { web: count }, options())
  await world.target.traffic.shift(only(id), options())
}

async function healthy(release: string): Promise<number> {
  return (await look(world.target)).traffic[release]?.healthyInstances ?? 0
}

/** Has another process start two instances and kills it; answers what it started. */
async function killedControlPlane(...more: string[]): Promise<readonly { id: string; pid: number }[]> {
  const program = join(import.meta.dirname, 'testing/control-plane.ts')
  const child = spawn(process.execPath, [program, world.folder, ...more], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env.PATH },
  })
  const text = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (data) => resolve(String(data)))
    child.once('exit', (code) => reject(new Error(`it ended by itself with code ${code}`)))
  })
  child.kill('SIGKILL')
  await new Promise((resolve) => child.once('exit', resolve))
  return JSON.parse(text) as { id: string; pid: number }[]
}

/** Makes every record look as if it were of an earlier boot, and ends the processes as a reboot would. */
async function reboot(): Promise<void> {
  for (const { id, environment: of } of await world.runtime.list()) {
    const file = join(world.folder, 'instances', of, id, 'identity.json')
    const identity = JSON.parse(await readFile(file, 'utf8')) as { pid: number }
    await writeFile(file, JSON.stringify({ ...identity, bootId: 'an-earlier-boot' }))
    process.kill(-identity.pid, 'SIGKILL')
  }
}

test.runIf(process.getuid?.() === 0)('instances run as the user that their service names, and know it', async () => {
  const files = join(world.folder, 'files')
  await mkdir(files)
  await chmod(world.folder, 0o755)
  const target = world.restart({ files: async () => files })
  const record = world.release({ id: 'r1' })
  const [service] = record.services
  if (service === undefined) throw new Error('the release has no service')
  const start = 'echo "$(id -u) $(id -G) $USER"; exec sleep 60'
  const release = (user: string) => ({
    ...record,
    services: [{ ...service, name: 'tick', kind: 'worker' as const, routes: [], start, user }],
  })
  await target.fleets.scale(release('65534:65533'), { tick: 1 }, options())
  const [instance] = (await look(target)).fleets[0]?.instances ?? []
  const logFile = (await world.runtime.inspect(instance?.id ?? ''))?.logFile ?? ''
  const said = await eventually(async () => (await readFile(logFile, 'utf8')).trim())
  expect(said).toMatch(/^65534 65533 \S+$/)
  await expect(
    target.fleets.scale({ ...release('no-such-user'), id: 'r2' }, { tick: 1 }, options()),
  ).rejects.toMatchObject({
    code: 'USER_UNAVAILABLE',
  })
})

test('an instance knows who it is, where its siblings are, and its secrets', async () => {
  await serve('r1', 1, { LOG_LEVEL: 'debug' })
  const [instance] = (await look(world.target)).fleets[0]?.instances ?? []
  const env = JSON.parse((await world.get('/env')).text) as Record<string, string>
  expect(env).toMatchObject({
    PORT: String(instance?.address?.port),
    HOST: '127.0.0.1',
    NODE_ENV: 'production',
    LOG_LEVEL: 'debug',
    API_KEY: 'hush-hush',
    SLUICE_RELEASE: 'r1',
    SLUICE_SERVICE: 'web',
    SLUICE_INSTANCE: instance?.id,
    SLUICE_ENVIRONMENT: environment,
  })
  expect(await (await fetch(`${env.SLUICE_URL_WEB}/x`)).json()).toMatchObject({ release: 'r1', path: '/x' })
  expect(Object.keys(env).filter((name) => name.startsWith('npm_') || name === 'VITEST')).toEqual([])
})

test('all instances killed: all of them come back, and users are served again', async () => {
  await serve('r1', 3)
  const before = (await look(world.target)).fleets[0]?.instances ?? []
  for (const { id } of before) await world.kill(id)
  await eventually(() => changes.filter(({ state }) => state === 'ready').length === 3)
  await eventually(async () => (await healthy('r1')) === 3)
  const after = (await look(world.target)).fleets[0]?.instances ?? []
  expect(after.map(({ id }) => id)).toEqual(before.map(({ id }) => id))
  expect(after.map(({ restarts }) => restarts)).toEqual([1, 1, 1])
  expect(await world.get('/')).toMatchObject({ status: 200 })
  for (const state of ['exited', 'starting', 'ready']) {
    expect(changes.filter((change) => change.state === state)).toHaveLength(3)
  }
})

test('an instance that keeps crashing ends in a crash loop that is told', async () => {
  await serve('r1', 1, { APP_CRASH_AFTER_MS: '400', APP_EXIT_CODE: '9' })
  await eventually(() => changes.some(({ state }) => state === 'crash-loop'))
  expect(changes.find(({ state }) => state === 'exited')?.detail).toBe('exited with code 9')
  expect((await look(world.target)).fleets[0]?.instances[0]?.state).toBe('crash-loop')
})

test('a control plane that is killed leaves the fleet to its successor', async () => {
  const started = await killedControlPlane()
  expect(started).toHaveLength(2)
  const successor = world.restart()
  const found = (await look(successor)).fleets[0]?.instances ?? []
  expect(found.map(({ id, pid }) => ({ id, pid }))).toEqual(started)
  // It supervises what it found: the runtime did not start these itself.
  process.kill(started[0]?.pid ?? Number.NaN, 'SIGKILL')
  await eventually(async () => (await world.runtime.inspect(started[0]?.id ?? ''))?.restarts === 1)
})

test('closing ends timers and readers, so that the process ends by itself, and leaves the fleet alone', async () => {
  const program = join(import.meta.dirname, 'testing/control-plane.ts')
  const { code, stdout } = await run([process.execPath, program, world.folder, 'close'], { timeoutMs: 30_000 })
  expect(code).toBe(0)
  const started = JSON.parse(stdout) as { id: string; pid: number }[]
  expect(started).toHaveLength(2)
  for (const { id, pid } of started) {
    expect(await world.runtime.inspect(id)).toMatchObject({ alive: true, restarts: 0 })
    expect(await isProcessAlive(pid)).toBe(true)
  }
})

test('an application that leaks is ended at its memory limit, told so, and started again', async () => {
  const release = world.release({ id: 'r1', env: { APP_LEAK_MB_PER_S: '400' } })
  const services = release.services.map((service) => ({ ...service, limits: { memoryBytes: 300 * 1024 * 1024 } }))
  await world.target.fleets.scale({ ...release, services }, { web: 1 }, options())
  await eventually(() => changes.some(({ state }) => state === 'ready'))
  expect(changes.map(({ state }) => state).slice(0, 3)).toEqual(['exited', 'starting', 'ready'])
  const query = { tail: 1000, follow: false, signal: new AbortController().signal }
  const lines: string[] = []
  for await (const { line } of world.target.witness.logs(query)) lines.push(line)
  if (!world.runtime.capabilities.memoryLimit) expect(lines.join('\n')).toContain('its limit is 300 MB')
})

test('an application that crashes five seconds after its start serves until then, and is started again', async () => {
  await serve('r1', 1, { APP_CRASH_AFTER_MS: '5000', APP_EXIT_CODE: '9' })
  expect(await world.get('/')).toMatchObject({ status: 200 })
  await eventually(() => changes.some(({ state }) => state === 'ready'))
  expect(changes.map(({ state, detail }) => [state, detail]).slice(0, 2)).toEqual([
    ['exited', 'exited with code 9'],
    ['starting', 'is started again'],
  ])
  await eventually(async () => (await world.get('/')).status === 200)
})

test('a new control plane gives the edge the table of before, with the split that the edge has', async () => {
  await serve('r1')
  await world.target.fleets.scale(world.release({ id: 'r2' }), { web: 1 }, options())
  await world.target.traffic.shift({ base: 'r1', candidate: 'r2', weight: 0.25, salt: 'd2' }, options())
  const edge = world.edge as PlainEdge
  const before = edge.applied.at(-1)
  await world.target.close()
  await world.restart().ready
  const again = await eventually(() => edge.applied.at(-1) !== before && edge.applied.at(-1))
  expect(again).toEqual(before)
})

test('a split that we were killed before recording is taken over from the edge', async () => {
  await serve('r1')
  const edge = world.edge as PlainEdge
  const [table] = edge.applied.slice(-1)
  await world.target.fleets.scale(world.release({ id: 'r2' }), { web: 1 }, options())
  await world.target.close()
  const latest = edge.applied.at(-1) as RouteTable
  await edge.apply({ ...latest, split: { base: 'r1', candidate: 'r2', weight: 0.4, salt: 'd2' } })
  const target = world.restart()
  await target.ready
  await eventually(() => edge.applied.at(-1)?.split.weight === 0.4 && edge.applied.at(-1) !== table)
  expect((await look(target)).split).toMatchObject({ candidate: 'r2', weight: 0.4 })
})

test('after a reboot the fleets that should run are started again', async () => {
  await serve('r1', 2)
  await world.target.close()
  await reboot()
  expect((await world.runtime.list()).every(({ alive }) => !alive)).toBe(true)
  world.restart()
  await eventually(async () => (await world.runtime.list()).every(({ alive }) => alive))
  await eventually(async () => (await healthy('r1')) === 2 && (await world.get('/')).status === 200)
  expect(await world.get('/')).toMatchObject({ status: 200 })
})

test('after a reboot, scaling to the same counts brings the fleet up', async () => {
  await serve('r1', 2)
  await world.target.close()
  await reboot()
  const fleet = await world.restart().fleets.scale(world.release({ id: 'r1' }), { web: 2 }, options())
  expect(fleet.instances.map(({ state }) => state)).toEqual(['ready', 'ready'])
})

test('a launch that a kill cut short is taken up again with the instances that it had started', async () => {
  const started = await killedControlPlane('1500')
  const release = world.release({ id: 'r1' })
  const fleet = await world.restart().fleets.scale(release, { web: 2 }, options())
  expect(fleet.instances.map(({ id, state }) => ({ id, state }))).toEqual(
    started.map(({ id }) => ({ id, state: 'ready' })).toSorted((a, b) => a.id.localeCompare(b.id)),
  )
})

test('an instance that was drained by an attempt cut short is replaced, as the edge gives it nothing any more', async () => {
  await serve('r1', 2)
  const [first] = (await look(world.target)).fleets[0]?.instances ?? []
  const drained = first?.id ?? ''
  await world.edge.drain({ environment, release: 'r1', instances: [drained] }, { deadlineMs: 1000 })
  const fleet = await world.target.fleets.scale(world.release({ id: 'r1' }), { web: 2 }, options())
  expect(fleet.instances.map(({ state }) => state)).toEqual(['ready', 'ready'])
  expect(fleet.instances.map(({ id }) => id)).not.toContain(drained)
})

test('children of a program that ignores SIGTERM are gone after retire', async () => {
  const release = world.release({ id: 'r1', env: { APP_IGNORE_SIGTERM: '1', APP_CHILDREN: '2' } })
  const [web] = release.services
  const impatient = { ...release, services: web === undefined ? [] : [{ ...web, stopGraceMs: 200 }] }
  await world.target.fleets.scale(impatient, { web: 1 }, options())
  const [run] = await world.runtime.list()
  const log = await readFile(run?.logFile ?? '', 'utf8')
  const pids = [run?.pid ?? 0, ...[...log.matchAll(/child (\d+)/g)].map((match) => Number(match[1]))]
  expect(pids).toHaveLength(3)
  await world.target.fleets.retire('r1', options())
  for (const pid of pids) expect(await isProcessAlive(pid)).toBe(false)
})

test('a release that writes megabytes in a line and fills its log is served all the same', async () => {
  await serve('r1', 1, { APP_LONG_LINE_BYTES: '1000000', APP_LOG_BYTES_PER_S: '1000000' })
  expect(await world.get('/')).toMatchObject({ status: 200 })
  const query = { tail: 5, follow: false, signal: new AbortController().signal }
  for await (const { line } of world.target.witness.logs(query)) expect(line.length).toBeLessThan(20_000)
})

test('an instance whose port is taken by a stranger gets another one', async () => {
  const strangers: Server[] = []
  const real = freePorts()
  let picks = 0
  const target = world.restart({
    ports: {
      async pick(avoid) {
        const port = await real.pick(avoid)
        // The first pick is the internal port; the second one is the instance's, taken before it gets there.
        if (++picks === 2) {
          const stranger = createServer((_, response) => response.end('stranger'))
          strangers.push(stranger)
          await new Promise<void>((resolve) => stranger.listen(port, '127.0.0.1', resolve))
        }
        return port
      },
    },
  })
  try {
    const fleet = await target.fleets.scale(world.release({ id: 'r1' }), { web: 1 }, options())
    expect(fleet.instances).toHaveLength(1)
    expect(picks).toBe(3)
    await target.traffic.shift(only('r1'), options())
    expect(await world.get('/')).toMatchObject({ text: expect.stringContaining('"release":"r1"') })
  } finally {
    for (const stranger of strangers) stranger.close()
  }
})

test('workers run without a port, and a worker that ends at once fails the launch', async () => {
  const worker = { name: 'jobs', kind: 'worker' as const }
  const fleet = await world.target.fleets.scale(
    world.release({ id: 'r1', more: [{ ...worker, start: 'while :; do sleep 1; done' }] }),
    { web: 1, jobs: 1 },
    options(),
  )
  expect(fleet.instances.map(({ service, state }) => [service, state])).toEqual([
    ['jobs', 'ready'],
    ['web', 'ready'],
  ])
  const broken = world.release({ id: 'r2', more: [{ ...worker, start: 'echo no queue; exit 4' }] })
  await expect(world.target.fleets.scale(broken, { jobs: 1 }, options())).rejects.toMatchObject({
    code: 'INSTANCE_CRASHED',
    details: { exitCode: 4, logTail: ['no queue'] },
  })
})

test('immutable assets of the last releases stay in the table after they are retired', async () => {
  await mkdir(join(world.folder, 'trees'), { recursive: true })
  const target = world.restart({
    files: async (id) => {
      const tree = join(world.folder, 'trees', id)
      await mkdir(join(tree, 'immutable'), { recursive: true })
      if (!existsSync(join(tree, 'app.mjs'))) {
        await writeFile(join(tree, 'app.mjs'), await readFile(join(appFolder, 'app.mjs')))
      }
      return tree
    },
  })
  for (const [index, id] of ['r1', 'r2', 'r3', 'r4', 'r5'].entries()) {
    const release = world.release({ id })
    const services = release.services.map((service) => ({
      ...service,
      assets: { path: '/_app/immutable', directory: 'immutable' },
    }))
    await target.fleets.scale({ ...release, artifact: id, services }, { web: 1 }, options())
    await target.traffic.shift(only(id), options())
    if (index > 0) await target.fleets.retire(`r${index}`, options())
  }
  const { assets } = (world.edge as PlainEdge).applied.at(-1) as RouteTable
  expect(assets.map(({ release }) => release)).toEqual(['r5', 'r4', 'r3'])
  expect(assets[0]).toMatchObject({
    path: '/_app/immutable',
    directory: join(world.folder, 'trees', 'r5', 'immutable'),
  })
})

test('a launch outlives an edge that is away for a moment', async () => {
  class SlowStartingEdge extends PlainEdge {
    calls = 0
    override async apply(table: RouteTable) {
      if (++this.calls < 10) throw new SluiceError('EDGE_UNREACHABLE', 'the edge is away')
      await super.apply(table)
    }
  }
  const edge = new SlowStartingEdge()
  const fleet = await world.restart({ edge }).fleets.scale(world.release({ id: 'r1' }), { web: 1 }, options())
  expect(fleet.instances.map(({ state }) => state)).toEqual(['ready'])
  await edge.close()
})

test('an edge that was away while an instance moved is told of it when it is back', async () => {
  class FlakyEdge extends PlainEdge {
    isAway = false
    override async apply(table: RouteTable) {
      if (this.isAway) throw new SluiceError('EDGE_UNREACHABLE', 'the edge is away')
      await super.apply(table)
    }
  }
  const edge = new FlakyEdge()
  const target = world.restart({ edge })
  const fleet = await target.fleets.scale(world.release({ id: 'r1' }), { web: 1 }, options())
  const before = fleet.instances[0]
  edge.isAway = true
  await world.kill(before?.id ?? '')
  const moved = await eventually(async () => {
    const run = await world.runtime.inspect(before?.id ?? '')
    return run?.alive && run.restarts === 1 && run
  })
  edge.isAway = false
  await eventually(() => edge.applied.at(-1)?.releases[0]?.services[0]?.instances[0]?.port === moved.port)
  await edge.close()
})

test('a damaged record of an environment is an error, never an empty start', async () => {
  await serve('r1')
  await world.target.close()
  await writeFile(join(world.folder, 'instances', environment, 'environment.json'), '{"v":1,')
  await expect(world.restart().fleets.inspect()).rejects.toMatchObject({
    message: expect.stringContaining('environment.json is damaged'),
  })
  await rm(join(world.folder, 'instances', environment, 'environment.json'))
})

test('ports of stopped instances are closed, and none is given out twice', async () => {
  const release = world.release({ id: 'r1' })
  const ports: number[] = []
  for (let round = 0; round < 3; round++) {
    const fleet = await world.target.fleets.scale(release, { web: 1 }, options())
    ports.push(fleet.instances[0]?.address?.port ?? 0)
    await world.target.fleets.scale(release, { web: 0 }, options())
  }
  expect(new Set(ports).size).toBe(3)
  for (const port of ports) expect(await isListening(port)).toBe(false)
})
