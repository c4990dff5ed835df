import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Answer, type Installation, installation, must } from './support/installation.ts'
import { startTraffic } from './support/traffic/start.ts'
import type { Traffic } from './support/traffic/traffic.ts'

const environments = { e: 'rolling', first: 'rolling', twice: 'rolling', leak: 'rolling' } as const
let place: Installation
beforeAll(async () => {
  place = await installation({ environments })
  must(await place.sluice('deploy', 'e'), 'succeeded')
})
afterAll(() => place?.remove())

const bakes = { name: 'blue-green', bake: '5s', latency: false }
/** Five seconds with a part of the users on the new release. */
const ramps = { name: 'canary', steps: [20, 60], stepTime: '3s', bake: '1s', latency: false }
const moments = [
  ['shifting', ramps],
  ['baking', bakes],
] as const

interface Shown {
  readonly release: string
  readonly fleets: { instances: { id: string; state: string; restarts: number }[] }[]
  readonly deployment: { id: string; state: string; running: boolean } | null
}

async function shown(environment: string): Promise<Shown> {
  const { document } = await place.sluice('status', environment)
  const [found] = (document.environments as Shown[] | undefined) ?? []
  return found ?? { release: '', fleets: [], deployment: null }
}

async function until<Value>(look: () => Promise<Value>, isReached: (value: Value) => boolean): Promise<Value> {
  const deadline = Date.now() + 180_000
  for (;;) {
    const value = await look().catch(() => null)
    if (value !== null && isReached(value)) return value
    if (Date.now() > deadline) throw new Error(`never reached, last seen ${JSON.stringify(value)}`)
    await sleep(50)
  }
}

/** Processes of this installation whose command line holds this. */
async function processes(part: string): Promise<number[]> {
  const found: number[] = []
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ')
    const variables = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')
    if (command.includes(part) && `${command} ${variables}`.includes(place.home)) found.push(Number(pid))
  }
  return found
}

async function killAll(part: string): Promise<number> {
  const pids = await processes(part)
  for (const pid of pids) process.kill(pid, 'SIGKILL')
  return pids.length
}

function visitors(environment: keyof typeof environments): Promise<Traffic> {
  return startTraffic({
    target: `http://127.0.0.1:${place.ports[environment]}`,
    requestsPerSecond: 60,
    clients: [
      { kind: 'keep-alive', path: '/' },
      { kind: 'fresh', path: '/' },
    ],
  })
}

/** Deploys a release and does something to it as soon as it is in this state. */
async function deployAnd(
  [state, strategy]: readonly [state: string, strategy: object],
  act: () => Promise<void>,
): Promise<Answer> {
  await place.setStrategy('e', strategy)
  await place.commit()
  const deploying = place.sluice('deploy', 'e')
  await until(
    () => shown('e'),
    ({ deployment }) => deployment?.state === state,
  )
  await act()
  return deploying
}

describe.each(moments)('a deployment that is %s goes on', (...moment) => {
  test('when PostgreSQL is killed under it, and nobody notices', async () => {
    const traffic = await visitors('e')
    const answer = await deployAnd(moment, async () => {
      const [pid = 0] = await processes('postgres -D')
      expect(pid).toBeGreaterThan(0)
      process.kill(pid, 'SIGKILL')
    })
    expect(answer.document).toMatchObject({ status: 'succeeded' })
    expect((await shown('e')).release).toBe(answer.document.release)
    const { failures, requests } = await traffic.stop()
    expect(requests).toBeGreaterThan(50)
    expect(failures).toEqual([])
  })

  test('when the edge is killed under it: another one takes the same split', async () => {
    const traffic = await visitors('e')
    const answer = await deployAnd(moment, async () => {
      expect(await killAll('edge/node/process.ts')).toBe(1)
    })
    expect(answer.document).toMatchObject({ status: 'succeeded' })
    const response = await fetch(`http://127.0.0.1:${place.ports.e}/`)
    expect(response.status).toBe(200)
    expect(response.headers.get('x-sluice-release')).toBe(answer.document.release)
    // While nobody listens there is nobody to answer; whoever is answered is answered well.
    const { failures } = await traffic.stop()
    expect(failures.filter(({ status }) => status !== null)).toEqual([])
    // A probe that met no edge makes the judge watch a minute longer.
  })

  test('when somebody stops the control plane and starts it again, and nobody notices', async () => {
    const traffic = await visitors('e')
    const answer = await deployAnd(moment, async () => {
      must(await place.sluice('down'), 'stopped')
      must(await place.sluice('up'), 'running')
    })
    expect(answer.document).toMatchObject({ status: 'succeeded' })
    expect((await shown('e')).release).toBe(answer.document.release)
    expect((await traffic.stop()).failures).toEqual([])
  })
})

test('all instances are killed at once: they come back, and requests wait for them', async () => {
  const before = (await shown('e')).release
  expect(await killAll('node app.mjs')).toBeGreaterThanOrEqual(2)
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => fetch(`http://127.0.0.1:${place.ports.e}/`).then(({ status }) => status)),
  )
  expect(new Set(answers)).toEqual(new Set([200]))
  const after = await until(
    () => shown('e'),
    ({ fleets }) => fleets.flatMap(({ instances }) => instances).filter(({ state }) => state === 'ready').length === 2,
  )
  expect(after.release).toBe(before)
})

test('two deploys at once: each ends, and the later one serves', async () => {
  must(await place.sluice('deploy', 'twice'), 'succeeded')
  await place.commit()
  const { deployment: before } = await shown('twice')
  const answers = [place.sluice('deploy', 'twice')]
  await until(
    () => shown('twice'),
    ({ deployment }) => deployment !== null && deployment.id !== before?.id,
  )
  await place.commit()
  answers.push(place.sluice('deploy', 'twice'))
  const [one, two] = await Promise.all(answers)
  expect(['succeeded', 'superseded']).toContain(one?.document.status)
  expect(two?.document.status).toBe('succeeded')
  expect((await shown('twice')).release).toBe(two?.document.release)
})

test('a second control plane on the same home is refused, and says what to do', async () => {
  const program = resolve(import.meta.dirname, '../src/control/process.ts')
  const child = spawn(process.execPath, [program, '--home', place.home], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
  await once(child, 'exit')
  expect(child.exitCode).toBe(3)
  expect(said).toContain('a control plane runs on this home already')
  expect((await shown('e')).release).not.toBe('')
})

test('the first deployment ever that fails says that there is nothing to go back to', async () => {
  await place.commit({ APP_CRASH_AFTER_MS: '0', APP_EXIT_CODE: '7' })
  const { code, document } = await place.sluice('deploy', 'first')
  expect(code).toBe(4)
  expect(document).toMatchObject({ status: 'failed', previousRelease: null, reason: { code: 'INSTANCE_CRASHED' } })
  const { message, hint } = document.reason as { message: string; hint: string }
  expect(`${message} ${hint}`).toContain('exited with code 7')
  expect(`${message} ${hint}`).toMatch(/nothing to go back to/)
})

test('an application that leaks is ended at its memory limit and comes back, and status shows it', async () => {
  await place.setService({ limits: { memory: '150MB' } })
  await place.commit({ APP_LEAK_MB_PER_S: '120' })
  must(await place.sluice('deploy', 'leak'), 'succeeded')
  const { fleets } = await until(
    () => shown('leak'),
    (now) => now.fleets.some(({ instances }) => instances.some(({ restarts }) => restarts > 0)),
  )
  expect(fleets).toHaveLength(1)
  const { stdout } = await place.print('logs', 'leak')
  expect(stdout).toMatch(/memory/)
  await place.setService({})
})

test('down --all in the middle of a deployment leaves no process', async () => {
  await place.setStrategy('e', { ...bakes, bake: '10m' })
  await place.commit()
  must(await place.sluice('deploy', 'e', '--until', 'serving'), 'serving')
  expect((await processes(place.home)).length).toBeGreaterThan(3)
  const { release } = await shown('e')
  const told = must(await place.sluice('down', '--all'), 'stopped').document.environments as { environment: string }[]
  const stopped = told.find(({ environment }) => environment.endsWith('.e'))
  expect(stopped).toMatchObject({ releases: expect.arrayContaining([release]), instances: 4 })
  const noneLeft = () =>
    until(
      () => processes(place.home),
      (left) => left.length === 0,
    )
  expect(await noneLeft()).toEqual([])

  // Without a control plane the command starts one, which begins to bring everything back.
  expect((await place.sluice('down', '--all')).code).toBe(0)
  expect(await noneLeft()).toEqual([])
  must(await place.sluice('up'), 'running')
  expect(await killAll('control/process.ts')).toBe(1)
  expect((await place.sluice('down', '--all')).code).toBe(0)
  expect(await noneLeft()).toEqual([])
})
