import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Calls `begin` at a constant rate until the signal. A late timer is made up for at once, so that the rate holds;
 * `begin` must not wait for its answer.
 */
export async function pace(perSecond: number, signal: AbortSignal, begin: () => void): Promise<void> {
  if (perSecond <= 0) return
  const startedAt = performance.now()
  const everyMs = 1000 / perSecond
  for (let begun = 0; !signal.aborted; ) {
    const due = Math.floor((performance.now() - startedAt) / everyMs) + 1
    for (; begun < due; begun++) begin()
    const waitMs = Math.max(1, startedAt + begun * everyMs - performance.now())
    await sleep(waitMs, undefined, { signal }).catch(() => {})
  }
}
