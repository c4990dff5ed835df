import { request } from 'node:http'
import { connect } from 'node:net'

/** What one look at an instance showed. */
export type ProbeResult =
  | { readonly kind: 'ok' }
  /** Nobody listens there. */
  | { readonly kind: 'refused' }
  /** Somebody listens, but gave no answer of use: time-out, reset, not HTTP. */
  | { readonly kind: 'silent'; readonly detail: string }
  | { readonly kind: 'status'; readonly status: number }

/** GET with a 2xx or 3xx answer, or with path null a TCP connection. Always resolves, by the time-out at the latest. */
export function probe(options: {
  readonly port: number
  readonly path: string | null
  readonly host?: string
  readonly timeoutMs: number
  readonly signal: AbortSignal
}): Promise<ProbeResult> {
  return options.path === null ? probeConnection(options) : probeHttp({ ...options, path: options.path })
}

function probeHttp(options: {
  readonly port: number
  readonly path: string
  readonly host?: string
  readonly timeoutMs: number
  readonly signal: AbortSignal
}): Promise<ProbeResult> {
  const { port, path, host = `127.0.0.1:${port}`, timeoutMs, signal } = options
  return new Promise((resolve) => {
    const outgoing = request({
      host: '127.0.0.1',
      port,
      path,
      agent: false,
      headers: { host, 'user-agent': 'sluice-probe', connection: 'close' },
      signal,
    })
    const finish = (result: ProbeResult) => {
      clearTimeout(timer)
      resolve(result)
      outgoing.destroy()
    }
    const timer = setTimeout(() => finish({ kind: 'silent', detail: `no answer within ${timeoutMs} ms` }), timeoutMs)
    outgoing.on('response', ({ statusCode: status = 0 }) => {
      finish(status >= 200 && status < 400 ? { kind: 'ok' } : { kind: 'status', status })
    })
    outgoing.on('error', (error) => finish(failure(error)))
    outgoing.end()
  })
}

function probeConnection(options: { readonly port: number; readonly timeoutMs: number }): Promise<ProbeResult> {
  const { port, timeoutMs } = options
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    const finish = (result: ProbeResult) => {
      resolve(result)
      socket.destroy()
    }
    socket.setTimeout(timeoutMs, () => finish({ kind: 'silent', detail: `no connection within ${timeoutMs} ms` }))
    socket.once('connect', () => finish({ kind: 'ok' }))
    socket.once('error', (error) => finish(failure(error)))
  })
}

function failure(error: NodeJS.ErrnoException): ProbeResult {
  return error.code === 'ECONNREFUSED' ? { kind: 'refused' } : { kind: 'silent', detail: error.message }
}
