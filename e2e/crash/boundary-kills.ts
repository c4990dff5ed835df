import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Installation } from '../support/installation.ts'
import { environment, type Scenario } from './scenarios.ts'
import { nextControlPlane, type Resumption, servingRelease } from './watch.ts'

const program = join(import.meta.dirname, 'process.ts')

export interface BoundaryReport {
  readonly scenario: string
  readonly boundaries: number
  readonly killed: number
  readonly resumptions: readonly Resumption[]
  /** What came out other than it should. */
  readonly wrong: readonly string[]
}

export interface BoundaryOptions {
  readonly say?: (line: string) => void
  readonly only?: (boundary: string) => boolean
}

/** Goes through a scenario once to learn its boundaries, then once for each, with a kill -9 exactly there. */
export async function killAtBoundaries(
  place: Installation,
  scenario: Scenario,
  { say = () => {}, only = () => true }: BoundaryOptions = {},
): Promise<BoundaryReport> {
  await place.setStrategy(environment, scenario.strategy)
  const rehearsal = await playOnce(place, scenario, null)
  const wrong = [...rehearsal.wrong]
  // The end of the workflow before may be reached in the rehearsal of this one.
  const isOwn = (boundary: string) => boundary.startsWith(`${scenario.workflow}: `)
  const boundaries = [...new Set(rehearsal.reached)].filter(isOwn).filter(only)
  const resumptions: Resumption[] = []
  let killed = 0
  for (const boundary of boundaries) {
    const played = await playOnce(place, scenario, boundary)
    if (played.isKilled) killed++
    if (played.resumption !== null) resumptions.push(played.resumption)
    for (const problem of played.wrong) {
      wrong.push(`${boundary}: ${problem}`)
      say(`${scenario.name}: ${boundary}: ${problem}`)
    }
  }
  say(`${scenario.name}: ${killed} kills at ${boundaries.length} boundaries, ${wrong.length} wrong`)
  return { scenario: scenario.name, boundaries: boundaries.length, killed, resumptions, wrong }
}

interface Played {
  readonly reached: readonly string[]
  readonly isKilled: boolean
  readonly resumption: Resumption | null
  readonly wrong: readonly string[]
}

async function playOnce(place: Installation, scenario: Scenario, at: string | null): Promise<Played> {
  await scenario.prepare(place)
  const before = await servingRelease(place)
  await stopControlPlane(place)
  const trace = join(place.home, 'trace')
  await rm(trace, { force: true })
  const control = await startMortal(place, trace, at)
  let killedAtMs: number | null = null
  control.once('exit', (_code, signal) => {
    if (signal === 'SIGKILL') killedAtMs = Date.now()
  })
  let isOver = false
  const acting = scenario.act(place).finally(() => (isOver = true))
  const resumption = watchResumption(place, control, () => isOver)
  const { status, release } = await acting
  const serves = await servingRelease(place)
  const expected = scenario.status === 'succeeded' ? release : before
  const wrong = [
    ...(status === scenario.status ? [] : [`ended as ${status}, expected ${scenario.status}`]),
    ...(serves === expected ? [] : [`${serves} serves, expected ${expected}`]),
    ...(at === null || killedAtMs !== null ? [] : ['this boundary was not reached']),
  ]
  const reached = (await readFile(trace, 'utf8')).trim().split('\n')
  return { reached, isKilled: killedAtMs !== null, resumption: await resumption, wrong }
}

async function startMortal(place: Installation, trace: string, at: string | null): Promise<ChildProcess> {
  const log = await open(join(place.home, 'control', 'control.log'), 'a')
  const args = [program, '--home', place.home, '--trace', trace, ...(at === null ? [] : ['--at', at])]
  const environmentVariables = { ...process.env }
  delete (environmentVariables as NodeJS.ProcessEnv).DATABASE_URL
  const child = spawn(process.execPath, args, {
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
    cwd: place.home,
    env: environmentVariables,
  })
  await log.close()
  while ((await place.controlPid()) !== child.pid) {
    if (child.exitCode !== null) throw new Error(`the control plane did not start: exit code ${child.exitCode}`)
    await sleep(10)
  }
  return child
}

async function watchResumption(
  place: Installation,
  control: ChildProcess,
  isOver: () => boolean,
): Promise<Resumption | null> {
  if (control.exitCode === null && control.signalCode === null) {
    const over = async () => {
      while (!isOver()) await sleep(20)
    }
    await Promise.race([once(control, 'exit'), over()])
  }
  if (control.signalCode !== 'SIGKILL' || control.pid === undefined) return null
  return nextControlPlane(place, control.pid, Date.now(), isOver)
}

async function stopControlPlane(place: Installation): Promise<void> {
  const { code, document } = await place.sluice('down')
  if (code !== 0) throw new Error(`sluice down failed: ${JSON.stringify(document)}`)
}
