import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface CheckedSlot {
  readonly host: string
  readonly port: number
  readonly check: {
    /** Null: a connection is enough. */
    readonly path: string | null
    readonly timeoutMs: number
    readonly intervalMs: number
    readonly passes: number
  }
}

const RETRY_MS = 50

/**
 * HAProxy begins to check a slot up to an interval after it was given to an instance. We look at once, so that a new
 * instance need not wait for its first turn. Resolves with false when HAProxy's own checks have taken over.
 */
export async function firstCheck(slot: CheckedSlot, signal: AbortSignal): Promise<boolean> {
  const until = performance.now() + slot.check.intervalMs + 1000
  let passed = 0
  while (!signal.aborted && performance.now() < until) {
    passed = (await passes(slot)) ? passed + 1 : 0
    if (passed >= slot.check.passes) return !signal.aborted
    await sleep(RETRY_MS)
  }
  return false
}

function passes({ host, port, check }: CheckedSlot): Promise<boolean> {
  const { path, timeoutMs } = check
  return new Promise((resolve) => {
    if (path === null) {
      const socket = connect({ host, port, timeout: timeoutMs })
      const end = (passed: boolean) => {
        socket.destroy()
        resolve(passed)
      }
      socket
        .on('connect', () => end(true))
        .on('timeout', () => end(false))
        .on('error', () => end(false))
      return
    }
    const headers = { host: 'localhost', 'user-agent': 'sluice-health', connection: 'close' }
    const signal = AbortSignal.timeout(timeoutMs)
    const outgoing = request({ host, port, path, headers, signal, agent: new Agent() }, (response) => {
      response.resume()
      const status = response.statusCode ?? 500
      resolve(status >= 200 && status < 400)
    })
    outgoing.on('error', () => resolve(false))
    outgoing.end()
  })
}
