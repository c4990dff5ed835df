import { setTimeout as sleep } from 'node:timers/promises'
import type { Edge } from '../edge/edge.ts'
import type { Log } from '../support/log.ts'
import { messageOf } from '../support/message-of.ts'

const WATCH_MS = 500

/**
 * Starts the edge again when it died. The same control keeps working: it is found by its socket, not by its process.
 * Resolves after the signal, when no start is under way any more: nothing may come up behind the back of who stops it.
 */
export async function keepEdge(options: {
  readonly edge: Edge
  readonly start: () => Promise<Edge>
  readonly log: Log
  readonly onRestart: () => Promise<void>
  readonly signal: AbortSignal
}): Promise<void> {
  const { edge, start, log, onRestart, signal } = options
  let failures = 0
  while (!signal.aborted) {
    await sleep(WATCH_MS, undefined, { signal }).catch(() => {})
    if (signal.aborted) return
    try {
      await edge.inspect({ deadlineMs: 2000 })
      failures = 0
    } catch {
      failures++
      // One slow answer is no death; `start` adopts a living edge and does no harm anyway.
      if (failures < 2 || signal.aborted) continue
      log.warn('the edge does not answer: starting it again')
      try {
        const restarted = await start()
        await restarted.close()
        await onRestart()
        failures = 0
      } catch (error) {
        if (signal.aborted) return
        log.error(`the edge could not be started: ${messageOf(error)}`)
        await sleep(Math.min(10_000, 500 * 2 ** failures), undefined, { signal }).catch(() => {})
      }
    }
  }
}
