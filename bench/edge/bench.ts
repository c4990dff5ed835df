import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { median } from '../../e2e/support/stats.ts'
import { freePort } from '../../src/support/testing/free-port.ts'
import { markdownTable, plainTable } from '../support/table.ts'
import { cpuOf, LOAD_CORE, pinned, program, stop, untilListening } from './processes.ts'
import { profiled } from './profile.ts'
import { type Subject, subjects } from './subjects.ts'

export const bench = {
  name: 'edge',
  description: 'requests per second on one core, added latency and CPU per request: direct, HAProxy, our edges',
  run,
}

interface Load {
  readonly perSecond: number
  readonly failures: number
  readonly p50Us: number
  readonly p99Us: number
  /** Processor time of the subject per request, in microseconds. */
  readonly userUs: number
  readonly systemUs: number
}

interface Round {
  readonly full: Load
  readonly paced: Load
}

async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      runs: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '4' },
      only: { type: 'string' },
      markdown: { type: 'boolean', default: false },
      'body-bytes': { type: 'string', default: '100' },
      profile: { type: 'boolean', default: false },
    },
  })
  const names = values.only?.split(',') ?? Object.keys(subjects)
  const durationMs = Number(values.seconds) * 1000
  const origins = await Promise.all([freePort(), freePort()])
  const apps = origins.map((port) =>
    pinned(LOAD_CORE, [process.execPath, program('origin.ts'), String(port), values['body-bytes']]),
  )
  const rounds = new Map<string, Round[]>()
  try {
    for (const port of origins) await untilListening(port)
    if (values.profile) return await printProfile(origins, durationMs)
    // Rounds are interleaved, so that a busy moment of the machine meets all alike.
    for (let index = 0; index < Number(values.runs); index++) {
      for (const name of names) {
        const measured = await measureSubject(name, origins, durationMs)
        if (measured === null) continue
        rounds.set(measured.name, [...(rounds.get(measured.name) ?? []), measured.round])
        process.stderr.write(`round ${index + 1}: ${measured.name} ${Math.round(measured.round.full.perSecond)}/s\n`)
      }
    }
  } finally {
    for (const app of apps) await stop(app)
  }
  const table = tableOf(rounds)
  process.stdout.write(`${values.markdown ? markdownTable(table) : plainTable(table)}\n\n${explanation(rounds)}\n`)
}

/** Where the time of the Node edge goes at full load, by a CPU profile of its process. */
async function printProfile(origins: readonly number[], durationMs: number): Promise<void> {
  const shares = await profiled(async (env) => {
    const subject = await subjects.node?.(origins, env)
    if (subject === undefined) return
    await measure(subject, { connections: 64, warmUpMs: 1500, durationMs })
    await subject.end()
  })
  const rows = shares
    .filter(({ share }) => share >= 0.005)
    .map(({ part, share }) => [part, `${(share * 100).toFixed(1)} %`])
  const table = { title: 'where the time of the Node edge goes at full load', columns: ['part', 'share'], rows }
  process.stdout.write(`${plainTable(table)}\n`)
}

async function measureSubject(name: string, origins: readonly number[], durationMs: number) {
  const start = subjects[name]
  if (start === undefined) throw new Error(`there is no subject ${name}; known: ${Object.keys(subjects).join(', ')}`)
  let subject: Subject
  try {
    subject = await start(origins)
  } catch (error) {
    process.stderr.write(`${name} is left out: ${error instanceof Error ? error.message : String(error)}\n`)
    return null
  }
  try {
    const full = await measure(subject, { connections: 64, warmUpMs: 1500, durationMs })
    const paced = await measure(subject, { connections: 40, warmUpMs: 500, durationMs, perSecond: 2000 })
    return { name: subject.name, round: { full, paced } }
  } finally {
    await subject.end()
  }
}

async function measure(subject: Subject, order: Record<string, number>): Promise<Load> {
  const file = fileURLToPath(new URL('raw-load.ts', import.meta.url))
  const child = pinned(LOAD_CORE, [process.execPath, file, JSON.stringify({ port: subject.port, ...order })])
  if (child.stdout === null) throw new Error('the load generator has no output')
  let before = cpuOf(subject.pids)
  let result = { requests: 0, perSecond: 0, failures: 0, p50Us: 0, p99Us: 0 }
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === 'measuring') before = cpuOf(subject.pids)
    else result = JSON.parse(line)
  }
  const after = cpuOf(subject.pids)
  const perRequest = (from: number, to: number) => ((to - from) * 1000) / Math.max(1, result.requests)
  return {
    ...result,
    userUs: perRequest(before.userMs, after.userMs),
    systemUs: perRequest(before.systemMs, after.systemMs),
  }
}

const of = (rounds: readonly Round[] | undefined, pick: (round: Round) => number) => median((rounds ?? []).map(pick))
const cpuUs = (load: Load) => load.userUs + load.systemUs

function tableOf(rounds: ReadonlyMap<string, readonly Round[]>) {
  const direct = rounds.get('direct')
  const haproxy = rounds.get('plain HAProxy')
  return {
    title: 'edges on one core; load generator and application on the other (medians)',
    columns: [
      '',
      'req/s',
      'of HAProxy',
      'CPU us/req',
      'HAProxy CPU / CPU',
      'p50 at 2,000/s us',
      'added p50',
      'added p99',
      'CPU us/req at 2,000/s',
      'failed',
    ],
    rows: [...rounds].map(([name, each]) => {
      const added = (pick: (round: Round) => number) =>
        direct === undefined || name === 'direct' ? null : Math.round(of(each, pick) - of(direct, pick))
      const isProxy = name !== 'direct'
      return [
        name,
        Math.round(of(each, ({ full }) => full.perSecond)),
        isProxy ? of(each, ({ full }) => full.perSecond) / of(haproxy, ({ full }) => full.perSecond) : null,
        isProxy ? of(each, ({ full }) => cpuUs(full)) : null,
        isProxy ? of(haproxy, ({ full }) => cpuUs(full)) / of(each, ({ full }) => cpuUs(full)) : null,
        Math.round(of(each, ({ paced }) => paced.p50Us)),
        added(({ paced }) => paced.p50Us),
        added(({ paced }) => paced.p99Us),
        isProxy ? of(each, ({ paced }) => cpuUs(paced)) : null,
        each.reduce((sum, { full, paced }) => sum + full.failures + paced.failures, 0),
      ]
    }),
  }
}

/** Where the time goes: in the kernel (sockets) or in the edge's own code. */
function explanation(rounds: ReadonlyMap<string, readonly Round[]>): string {
  const lines = [...rounds]
    .filter(([name]) => name !== 'direct')
    .map(([name, each]) => {
      const [user, system] = [of(each, ({ full }) => full.userUs), of(each, ({ full }) => full.systemUs)]
      return `  ${name}: ${user.toFixed(1)} us in its own code, ${system.toFixed(1)} us in the kernel per request`
    })
  const note =
    'The load generator and the application share one core: where that core is full first, req/s says little and CPU per request says more.'
  return ['where the cost goes, at full load:', ...lines, note].join('\n')
}
