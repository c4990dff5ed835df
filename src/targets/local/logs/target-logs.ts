import { sleep } from '../../../support/clock.ts'
import type { LogLine, LogQuery } from '../../target.ts'
import type { RunState, Runtime } from '../processes/runtime.ts'
import { LogFollower } from './log-follower.ts'
import { tailOf } from './log-tail.ts'

const POLL_MS = 200

/** The last lines of each log (stopped instances first), then, when asked, what is added, also by new instances. */
export async function* targetLogs(runtime: Runtime, environment: string, query: LogQuery): AsyncIterable<LogLine> {
  const { tail, follow, signal } = query
  const removed = (await runtime.list({ removed: true })).filter((run) => matches(run, environment, query))
  const present = (await runtime.list()).filter((run) => matches(run, environment, query))
  const followers = new Map<string, { readonly run: RunState; readonly follower: LogFollower }>()
  // Opened before the tails are read: a line may come twice at the seam, but none is missed.
  for (const run of present) followers.set(run.id, { run, follower: await LogFollower.open(run.logFile, 'end') })
  const byStart = [...removed, ...present].toSorted((a, b) => a.startedAt.localeCompare(b.startedAt))
  for (const run of byStart) {
    for (const line of await tailOf(run.logFile, tail)) yield logLine(run, line)
  }
  while (follow && !signal.aborted) {
    for (const run of (await runtime.list()).filter((each) => matches(each, environment, query))) {
      if (!followers.has(run.id)) {
        followers.set(run.id, { run, follower: await LogFollower.open(run.logFile, 'start') })
      }
    }
    let quiet = true
    for (const { run, follower } of followers.values()) {
      for (const line of await follower.read()) {
        quiet = false
        yield logLine(run, line)
      }
    }
    if (quiet) await sleep(POLL_MS, signal).catch(() => {})
  }
}

function matches(run: RunState, environment: string, query: LogQuery): boolean {
  return (
    run.environment === environment &&
    (query.service === undefined || run.service === query.service) &&
    (query.release === undefined || run.release === query.release)
  )
}

function logLine(run: RunState, line: string): LogLine {
  return { instance: run.id, service: run.service, release: run.release, line }
}
