import { setTimeout as sleep } from 'node:timers/promises'
import type { Drained } from '../edge.ts'
import type { Backend } from './backend.ts'

const POLL_MS = 10

/**
 * Waits until nothing is in flight on the instances. Upgraded connections are told to go one after another over the
 * first two thirds of the time, so that their clients do not all come back at once; at the deadline the rest is cut.
 */
export async function drainBackends(
  backends: readonly Backend[],
  options: { readonly deadlineMs: number; readonly signal?: AbortSignal },
): Promise<Drained> {
  const { deadlineMs, signal } = options
  const startedAt = performance.now()
  const told = new Set<unknown>()
  for (const backend of backends) {
    backend.isDraining = true
    backend.closeIdle(true)
  }
  const busy = () => backends.flatMap((backend) => [...backend.occupations])
  const atStart = busy().length
  for (;;) {
    const passedMs = performance.now() - startedAt
    const left = busy()
    if (left.length === 0) return { cut: 0, tookMs: Math.round(passedMs) }
    if (passedMs >= deadlineMs) {
      for (const occupation of left) occupation.cut()
      return { cut: left.length, tookMs: Math.round(passedMs) }
    }
    // At least one per round, all of them by two thirds of the time.
    const share = Math.min(1, passedMs / ((deadlineMs * 2) / 3))
    const due = Math.max(1, Math.ceil(atStart * share)) - told.size
    for (const occupation of left.filter((each) => !told.has(each)).slice(0, Math.max(0, due))) {
      told.add(occupation)
      occupation.goAway()
    }
    try {
      await sleep(
        Math.min(POLL_MS, Math.max(1, deadlineMs - passedMs)),
        undefined,
        signal === undefined ? {} : { signal },
      )
    } catch {
      for (const backend of backends) backend.isDraining = false
      throw signal?.reason
    }
  }
}
