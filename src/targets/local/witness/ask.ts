import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { messageOf } from '../../../support/message-of.ts'
import type { Answer } from '../../target.ts'

/** Where on this machine, and as what host: a name may be one that only users' resolvers know. */
export interface Asked {
  readonly scheme: 'http' | 'https'
  readonly port: number
  /** With the port where it is no standard one. */
  readonly host: string
  readonly path: string
  readonly userAgent: string
}

/** One GET to a listener of this machine; always resolves, by the deadline at the latest. The body is not read. */
export function askLoopback(asked: Asked, options: { readonly signal: AbortSignal; readonly deadlineMs: number }) {
  const { scheme, port, host, path, userAgent } = asked
  const { signal, deadlineMs } = options
  return new Promise<Answer>((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    const send = scheme === 'https' ? requestHttps : requestHttp
    const outgoing = send({
      host: '127.0.0.1',
      port,
      path,
      agent: false,
      headers: { host, 'user-agent': userAgent, connection: 'close' },
      // The listener is our own, on this machine; its certificate is for its users' name of it.
      ...(scheme === 'https' ? { rejectUnauthorized: false, servername: host.replace(/:\d+$/, '') } : {}),
    })
    const finish = (answer: Answer) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      resolve(answer)
      outgoing.destroy()
    }
    const nothing = (detail: string) => finish({ status: null, release: null, detail })
    const timer = setTimeout(() => nothing(`no answer within ${deadlineMs} ms`), deadlineMs)
    const onAbort = () => {
      clearTimeout(timer)
      outgoing.destroy()
      reject(signal.reason)
    }
    signal.addEventListener('abort', onAbort, { once: true })
    outgoing.on('response', ({ statusCode: status = 0, headers }) => {
      const release = headers['x-sluice-release']
      const from = typeof release === 'string' ? release : null
      finish({ status, release: from, detail: String(status) })
    })
    outgoing.on('error', (error) => nothing(messageOf(error)))
    outgoing.end()
  })
}
