import type { RunState, Runtime } from '../processes/runtime.ts'
import type { Traffic } from '../routing/traffic.ts'

/** The edge ends what is left this long before the program is killed, so that it knows how much that was. */
const BEFORE_KILL_MS = 100

export interface FarewellOptions {
  readonly environment: string
  readonly release: string
  /** Longest wait for the requests that are in flight. */
  readonly drainMs: number
  /** Time that a program has between SIGTERM and SIGKILL. */
  readonly graceMsOf: (run: RunState) => number
  readonly signal: AbortSignal
}

/**
 * Ends instances so that their users notice nothing. First their requests are answered. Then the programs are told, while
 * their streams still stand: only an application can say goodbye on its streams behind every edge, and one that does lets
 * the stop take no longer than that. What is open at the end of its grace is cut. Answers how much was.
 */
export async function sayFarewell(
  runs: readonly RunState[],
  parts: { readonly runtime: Runtime; readonly traffic: Traffic },
  { environment, release, drainMs, graceMsOf, signal }: FarewellOptions,
): Promise<number> {
  const { runtime, traffic } = parts
  const instances = runs.map(({ id }) => id)
  const stopAll = () => Promise.all(runs.map((run) => runtime.stop(run.id, { graceMs: graceMsOf(run), keepLog: true })))
  const requests = await traffic.drain(
    { environment, release, instances, until: 'streams' },
    { deadlineMs: drainMs, signal },
  )
  if (requests.left === 0) {
    await stopAll()
    return requests.cut
  }
  const graceMs = Math.max(0, ...runs.map(graceMsOf))
  const deadlineMs = Math.max(0, graceMs - BEFORE_KILL_MS)
  const [rest, stopped] = await Promise.allSettled([
    traffic.drain({ environment, release, instances }, { deadlineMs, signal }),
    stopAll(),
  ])
  if (stopped.status === 'rejected') throw stopped.reason
  if (rest.status === 'rejected') throw rest.reason
  return requests.cut + rest.value.cut
}
