import { setTimeout as sleep } from 'node:timers/promises'
import type { ClusterEvent, ClusterWatch } from './cluster.ts'
import type { ClusterAddress } from './connection.ts'

const probeMs = 1000
const longestRetryMs = 30_000

/** One look per second at the process table; a server that is gone is started again, with growing pauses. */
export function watchCluster(options: {
  readonly pid: () => number | null
  readonly restart: (signal: AbortSignal) => Promise<ClusterAddress>
  readonly onEvent: (event: ClusterEvent) => void
}): ClusterWatch {
  const { pid, restart, onEvent } = options
  const closing = new AbortController()
  const { signal } = closing
  let known = pid()

  const loop = async () => {
    let retryMs = probeMs
    for (;;) {
      await sleep(retryMs, undefined, { signal, ref: false })
      const current = pid()
      if (current !== null) {
        known = current
        retryMs = probeMs
        continue
      }
      if (known !== null) onEvent({ type: 'exited', pid: known })
      known = null
      try {
        const address = await restart(signal)
        known = pid()
        retryMs = probeMs
        onEvent({ type: 'restarted', pid: known ?? 0, address })
      } catch (error) {
        if (signal.aborted) return
        retryMs = Math.min(retryMs * 2, longestRetryMs)
        onEvent({ type: 'restart-failed', error, retryMs })
      }
    }
  }

  const running = loop().catch(() => {}) // ends by being closed
  return {
    close: async () => {
      closing.abort()
      await running
    },
  }
}
