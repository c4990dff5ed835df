import { connect } from 'node:net'
import type { HealthSettings } from '../../../model/release.ts'
import type { Backend } from './backend.ts'

export interface HealthChecks {
  /** Checks at once, then for ever. */
  watch(backend: Backend): void
  forget(backend: Backend): void
  /** A connection was refused: nothing listens there, whatever the last check said. */
  refused(backend: Backend): void
  close(): void
}

/** An instance that is coming up is asked this often, so that no deployment waits a whole interval for it. */
const STARTING_MS = [10, 20, 40, 80, 100]

export function healthChecks(onReady: (backend: Backend) => void): HealthChecks {
  const watched = new Map<
    Backend,
    { timer: NodeJS.Timeout | undefined; passes: number; failures: number; tries: number }
  >()

  async function check(backend: Backend): Promise<void> {
    const outcome = await probe(backend.instance, backend.health)
    const state = watched.get(backend)
    if (state === undefined) return
    backend.lastCheck = { at: new Date().toISOString(), ...outcome }
    backend.isPresumed = false
    state.tries++
    if (outcome.ok) {
      state.failures = 0
      if (++state.passes >= backend.health.passes && !backend.isHealthy) {
        backend.isHealthy = true
        onReady(backend)
      }
    } else {
      state.passes = 0
      if (++state.failures >= backend.health.failures) backend.isHealthy = false
    }
    plan(backend)
  }

  function plan(backend: Backend, afterMs?: number): void {
    const state = watched.get(backend)
    if (state === undefined) return
    const { intervalMs } = backend.health
    const soonMs = Math.min(intervalMs, STARTING_MS[Math.min(state.tries, STARTING_MS.length - 1)] ?? 100)
    clearTimeout(state.timer)
    state.timer = setTimeout(() => void check(backend), afterMs ?? (backend.isHealthy ? intervalMs : soonMs))
  }

  return {
    watch(backend) {
      if (watched.has(backend)) return
      watched.set(backend, { timer: undefined, passes: 0, failures: 0, tries: 0 })
      plan(backend, 0)
    },
    forget(backend) {
      clearTimeout(watched.get(backend)?.timer)
      watched.delete(backend)
    },
    refused(backend) {
      const state = watched.get(backend)
      backend.isPresumed = false
      if (state === undefined || !backend.isHealthy) return
      backend.isHealthy = false
      backend.lastCheck = { at: new Date().toISOString(), ok: false, detail: 'a request was refused: nothing listens' }
      state.passes = 0
      state.tries = 0
      plan(backend)
    },
    close() {
      for (const { timer } of watched.values()) clearTimeout(timer)
      watched.clear()
    },
  }
}

/** One check: a connection is enough where no path is given, else the status must be 2xx or 3xx. Never rejects. */
function probe(
  address: { readonly host: string; readonly port: number },
  { path, timeoutMs }: Pick<HealthSettings, 'path' | 'timeoutMs'>,
): Promise<{ readonly ok: boolean; readonly detail: string }> {
  return new Promise((resolve) => {
    const socket = connect({ host: address.host, port: address.port })
    const end = (ok: boolean, detail: string) => {
      clearTimeout(timer)
      socket.destroy()
      resolve({ ok, detail })
    }
    const timer = setTimeout(() => end(false, `no answer within ${timeoutMs} ms`), timeoutMs)
    let text = ''
    socket.on('connect', () => {
      if (path === null) end(true, 'accepts connections')
      else
        socket.write(
          `GET ${path} HTTP/1.1\r\nHost: ${address.host}\r\nUser-Agent: sluice-edge\r\nConnection: close\r\n\r\n`,
        )
    })
    socket.on('data', (data) => {
      text += data.toString('latin1')
      const status = /^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1]
      if (status !== undefined) end(status < '400' && status >= '200', `${path} answered ${status}`)
      else if (text.length > 64) end(false, `${path} answered no HTTP`)
    })
    socket.on('end', () => end(false, 'closed without an answer'))
    socket.on('error', (error) => end(false, 'code' in error ? String(error.code) : error.message))
  })
}
