import type { ReleaseService } from '../../../model/release.ts'
import { type Clock, sleep } from '../../../support/clock.ts'
import { tailOf } from '../logs/log-tail.ts'
import { relativesOf } from '../processes/process-tree.ts'
import type { RunState, Runtime } from '../processes/runtime.ts'
import { crashed, neverReady, TAIL_LINES } from './launch-errors.ts'
import { type ListeningSocket, listeningSocketsOf } from './listening-sockets.ts'
import { type ProbeResult, probe } from './probe.ts'

/** A worker has nothing to probe: it is ready when it has lived this long. */
const WORKER_SETTLE_MS = 300
const FIRST_PAUSE_MS = 25
const LAST_PAUSE_MS = 250
/** For this long probes are as frequent as at first: most programs boot meanwhile. */
const EAGER_MS = 3000
/** Between the passes in a row that make an instance ready. */
const CONFIRM_PAUSE_MS = 5

export interface ReadinessOptions {
  readonly run: RunState
  readonly service: ReleaseService
  readonly runtime: Runtime
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** `taken`: somebody else listens on the port that was meant for this instance. */
export type Readiness = 'ready' | 'taken'

/**
 * Waits until the instance passes its probe `passes` times in a row. Throws at once when its process ends
 * (`INSTANCE_CRASHED`), and what `neverReady` finds after `health.readyMs`.
 */
export async function waitUntilReady(options: ReadinessOptions): Promise<Readiness> {
  const ended = new AbortController()
  const forget = options.runtime.onExit((id) => {
    if (id === options.run.id) ended.abort()
  })
  try {
    return options.run.port === undefined ? await waitForWorker(options, ended) : await waitForPort(options, ended)
  } finally {
    forget()
  }
}

async function waitForPort(options: ReadinessOptions, ended: AbortController): Promise<Readiness> {
  const { run, service, clock, signal } = options
  const { path, passes, timeoutMs, readyMs } = service.health
  const port = run.port ?? 0
  const begun = clock.monotonicMs()
  let last: ProbeResult | null = null
  let passed = 0
  let pauseMs = FIRST_PAUSE_MS
  for (;;) {
    signal.throwIfAborted()
    if (await hasEnded(options, ended)) return endedEarly(options, clock.monotonicMs() - begun)
    const leftMs = readyMs - (clock.monotonicMs() - begun)
    const shortened = leftMs < timeoutMs
    const seen = await probe({
      port,
      path,
      timeoutMs: shortened ? Math.max(1, leftMs) : timeoutMs,
      signal: either(signal, ended),
    })
    // A bad status says more than no answer to a probe that we cut short.
    if (!(shortened && seen.kind === 'silent' && last?.kind === 'status')) last = seen
    passed = seen.kind === 'ok' ? passed + 1 : 0
    if (passed >= passes) return (await isOurs(options)) ? 'ready' : 'taken'
    const waitedMs = clock.monotonicMs() - begun
    if (waitedMs >= readyMs && !ended.signal.aborted) throw await notReady(options, last, waitedMs)
    if (waitedMs > EAGER_MS) pauseMs = Math.min(pauseMs * 1.25, LAST_PAUSE_MS)
    await pause(passed > 0 ? CONFIRM_PAUSE_MS : pauseMs, signal, ended)
  }
}

async function waitForWorker(options: ReadinessOptions, ended: AbortController): Promise<Readiness> {
  const { clock, signal } = options
  const begun = clock.monotonicMs()
  for (;;) {
    if (await hasEnded(options, ended)) return endedEarly(options, clock.monotonicMs() - begun)
    if (clock.monotonicMs() - begun >= WORKER_SETTLE_MS) return 'ready'
    await pause(FIRST_PAUSE_MS, signal, ended)
  }
}

/** Its end is announced by the runtime that started it, and seen in the process table of an adopted one. */
async function hasEnded({ run, runtime }: ReadinessOptions, ended: AbortController): Promise<boolean> {
  return ended.signal.aborted || (await runtime.inspect(run.id))?.alive !== true
}

/** A program that ends because its port is taken is not at fault. */
async function endedEarly(options: ReadinessOptions, waitedMs: number): Promise<Readiness> {
  const { runtime, service } = options
  const run = (await runtime.inspect(options.run.id)) ?? options.run
  const logTail = await tailOf(run.logFile, TAIL_LINES)
  if (run.port !== undefined && complainsOfPort(logTail, run.port)) return 'taken'
  throw crashed({ run, service, logTail, waitedMs })
}

/** True when the log says that an address was in use, and not that of another port. */
function complainsOfPort(logTail: readonly string[], port: number): boolean {
  const complaints = logTail.filter((line) => /EADDRINUSE|address (is )?already in use/i.test(line))
  const named = complaints.flatMap((line) => [...line.matchAll(/:(\d{2,5})\b/g)].map((match) => Number(match[1])))
  return complaints.length > 0 && (named.length === 0 || named.includes(port))
}

async function notReady(options: ReadinessOptions, last: ProbeResult, waitedMs: number): Promise<Error> {
  const { run, service } = options
  const logTail = await tailOf(run.logFile, TAIL_LINES)
  return neverReady({ run, service, logTail, waitedMs }, last, socketsOf(run.pid))
}

/** A stranger that answers on our port would otherwise get our users. Where sockets cannot be seen, we believe. */
async function isOurs({ run, runtime }: ReadinessOptions): Promise<boolean> {
  // The pid is better known by now: the shim may have had no time to tell it at the start.
  const pid = (await runtime.inspect(run.id))?.pid ?? run.pid
  const isThere = (sockets: readonly ListeningSocket[] | null) => sockets?.some(({ port }) => port === run.port) ?? true
  // Nearly always it is the program itself: looking at all processes costs more.
  return isThere(listeningSocketsOf([pid])) || isThere(socketsOf(pid))
}

function socketsOf(pid: number): readonly ListeningSocket[] | null {
  const pids = relativesOf(pid)
  return pids === null ? null : listeningSocketsOf(pids)
}

async function pause(ms: number, signal: AbortSignal, ended: AbortController): Promise<void> {
  await sleep(ms, either(signal, ended)).catch(() => {})
  signal.throwIfAborted()
}

function either(signal: AbortSignal, ended: AbortController): AbortSignal {
  return AbortSignal.any([signal, ended.signal])
}
