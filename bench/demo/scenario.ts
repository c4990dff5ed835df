import { startTraffic } from '../../e2e/support/traffic/start.ts'
import { NO_RELEASE, type Traffic } from '../../e2e/support/traffic/traffic.ts'
import { lineTeller } from '../../src/cli/progress/line-view.ts'
import type { Event } from '../../src/model/event.ts'
import { run } from '../../src/support/run.ts'
import type { Facts } from './facts.ts'
import { reportDeployments, reportTraffic, type Told } from './report.ts'
import type { Document, Sluice } from './sluice.ts'
import { type Outcome, outcomeOf } from './story.ts'

export interface ScenarioOptions {
  readonly sluice: Sluice
  readonly project: string
  /** Oldest first. */
  readonly commits: readonly string[]
  readonly facts: Facts
  readonly say: (line: string) => void
  readonly signal: AbortSignal
}

const ENVIRONMENT = 'production'
const REQUESTS_PER_SECOND = 80
/** Traffic before the second deployment: the judge wants to know how the old release behaves. */
const WARM_UP_MS = 15_000

export async function runScenario(options: ScenarioOptions): Promise<void> {
  const { facts, say } = options
  const done: Told[] = []
  const act = async (title: string, work: () => Promise<Outcome>): Promise<Told> => {
    say('')
    say(title)
    const from = Date.now()
    const one = { title, outcome: await work(), from, until: Date.now() }
    say(`${one.outcome.status} after ${one.outcome.wallSeconds.toFixed(1)} s${reasonIn(one.outcome)}`)
    done.push(one)
    return one
  }

  const first = await act('Release 1: the first deployment', () => deploy(options, 0))
  facts.check('release 1 serves', first.outcome.status === 'succeeded', first.outcome.reason ?? '')
  const target = first.outcome.urls[0]
  if (first.outcome.status !== 'succeeded' || target === undefined)
    throw new Error('the first deployment did not succeed')

  say(`people arrive at ${target}: ${REQUESTS_PER_SECOND} requests per second until the end`)
  const traffic = await startTraffic({
    target,
    requestsPerSecond: REQUESTS_PER_SECOND,
    keepFailures: 100_000,
    isolate: true,
    clients: [{ kind: 'users', name: 'people', count: 60, live: 6 }],
  })
  try {
    await pause(WARM_UP_MS, options.signal)

    const second = await act('Release 2: topics and a new look, by canary', () => deploy(options, 1))
    facts.check('release 2 is promoted', second.outcome.status === 'succeeded', second.outcome.reason ?? '')
    facts.check('people met release 2', (await requestsOf(traffic, second.outcome.release)) > 0)

    const third = await act('Release 3: every fifth feed fails', () => deploy(options, 2))
    facts.check(
      'release 3 is caught and taken back by itself',
      third.outcome.status === 'rolled-back' && third.outcome.exitCode === 4,
      `${third.outcome.status}, exit code ${third.outcome.exitCode}`,
    )

    const back = await act('A person goes back to release 1', () =>
      follow(options, ['rollback', ENVIRONMENT, first.outcome.release]),
    )
    facts.check('the rollback by hand succeeded', back.outcome.status === 'succeeded', back.outcome.reason ?? '')
    await pause(3000, options.signal)
    facts.check('release 1 serves again', await onlyServes(traffic, first.outcome.release))

    const fourth = await act('Release 4: repaired, and the control plane is killed in the middle', () =>
      deployWhileKilling(options, 3),
    )
    facts.check(
      'release 4 is finished after the control plane was killed',
      fourth.outcome.status === 'succeeded',
      fourth.outcome.reason ?? '',
    )
    await pause(3000, options.signal)
    facts.check('release 4 serves', await onlyServes(traffic, fourth.outcome.release))

    const stats = await traffic.stop()
    say('')
    reportTraffic(stats, done, third.outcome.release, { facts, say })
    reportDeployments(done, say)
  } finally {
    await traffic.stop()
  }
}

async function deploy(options: ScenarioOptions, index: number): Promise<Outcome> {
  await checkOut(options, index)
  return follow(options, ['deploy', ENVIRONMENT])
}

/** SIGKILL to the control plane as soon as traffic moves; the command line is left alone with it. */
async function deployWhileKilling(options: ScenarioOptions, index: number): Promise<Outcome> {
  const { facts, say, sluice } = options
  await checkOut(options, index)
  const before = await controlPlane(sluice)
  let killed = false
  const outcome = await follow(options, ['deploy', ENVIRONMENT], (event) => {
    if (killed || before === null || event['type'] !== 'deployment.weight') return
    killed = true
    process.kill(before, 'SIGKILL')
    say(`kill -9 ${before}: the control plane is dead`)
  })
  const after = await controlPlane(sluice)
  facts.check('the control plane was killed in the middle of release 4', killed)
  facts.check('another control plane took over', after !== null && after !== before, `${before} → ${after}`)
  return outcome
}

async function follow(
  { sluice, say }: ScenarioOptions,
  args: readonly string[],
  onEvent: (event: Document) => void = () => {},
): Promise<Outcome> {
  const tell = lineTeller(false)
  const ran = await sluice.stream(args, (event) => {
    for (const line of tell(event as unknown as Event)) say(`  ${line}`)
    onEvent(event)
  })
  return outcomeOf(ran)
}

async function controlPlane(sluice: Sluice): Promise<number | null> {
  const { document } = await sluice.json(['status', ENVIRONMENT])
  const { pid, running } = (document['controlPlane'] ?? {}) as { pid?: number; running?: boolean }
  return running === true && pid !== undefined ? pid : null
}

async function checkOut({ project, commits }: ScenarioOptions, index: number): Promise<void> {
  const argv = ['git', '-C', project, 'checkout', '--quiet', commits[index] ?? ''] as const
  const { code, stderr } = await run(argv, { timeoutMs: 30_000 })
  if (code !== 0) throw new Error(stderr)
}

async function requestsOf(traffic: Traffic, release: string): Promise<number> {
  return (await traffic.stats()).releases[release]?.requests ?? 0
}

/** True when everything that began in the last two seconds was answered by this release. */
async function onlyServes(traffic: Traffic, release: string): Promise<boolean> {
  const { releases } = await traffic.stats({ from: Date.now() - 2000 })
  const others = Object.keys(releases).filter((name) => name !== release && name !== NO_RELEASE)
  return (releases[release]?.requests ?? 0) > 0 && others.length === 0
}

function reasonIn({ reason, verdict }: Outcome): string {
  const why = verdict?.summary ?? reason
  return why === null ? '' : `: ${why}`
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer)
      reject(signal.reason instanceof Error ? signal.reason : new Error('interrupted'))
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    }, ms)
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
  })
}
