import type { Agent, ClientRequest, IncomingMessage, RequestOptions } from 'node:http'
import { request } from 'node:http'
import { isErrorCode, type SerializedError, SluiceError } from '../../model/error.ts'
import { messageOf } from '../../support/message-of.ts'

/** Where a control plane listens, and what it wants to hear. */
export interface ControlAddress {
  /** `http://127.0.0.1:4000`, `https://deploy.example:8443`; may have a path. */
  readonly url: string
  readonly token: string
  /** What this client calls its user. */
  readonly label?: string
}

/** Requests by one protocol, over connections that are kept. */
export interface Connections {
  request(options: RequestOptions): ClientRequest
  close(): void
}

export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  readonly body?: unknown
  /** In the place of `body`, as they are. */
  readonly bytes?: Uint8Array
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
  readonly timeoutMs?: number
}

const CALL_MS = 60_000
const MAX_ANSWER = 64 * 1024 * 1024

/** `ca`: certificates (PEM) of authorities that are trusted besides the usual ones. */
export async function connectionsTo(url: string, ca?: string): Promise<Connections> {
  if (url.startsWith('http:')) {
    const { Agent } = await import('node:http')
    return over(request, new Agent({ keepAlive: true }))
  }
  // Half of a command's start, for those who need it.
  const [https, tls] = await Promise.all([import('node:https'), import('node:tls')])
  const trusted = ca === undefined ? {} : { ca: [...tls.getCACertificates('default'), ca] }
  return over(https.request, new https.Agent({ keepAlive: true, ...trusted }))
}

function over(send: typeof request, agent: Agent): Connections {
  return { request: (options) => send({ ...options, agent }), close: () => agent.destroy() }
}

/**
 * One request on a kept connection. Throws the `SluiceError` that the API answered, `CONTROL_PLANE_UNREACHABLE` when no
 * answer came, or `CONTROL_PLANE_UNTRUSTED`. `node:http`, because `fetch` alone takes 20 ms to load.
 */
export async function send(connections: Connections, address: ControlAddress, call: Call): Promise<IncomingMessage> {
  const { method, path, query = {}, body, headers = {}, signal, timeoutMs = CALL_MS } = call
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, String(value))
  const content = call.bytes ?? (body === undefined ? undefined : Buffer.from(JSON.stringify(body)))
  const type = call.bytes === undefined ? 'application/json' : 'application/octet-stream'
  const { hostname, port, pathname } = new URL(address.url)
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing = connections.request({
      host: hostname.replace(/^\[(.*)\]$/, '$1'),
      ...(port === '' ? {} : { port: Number(port) }),
      method,
      path: `${pathname.replace(/\/$/, '')}${path}${search.size === 0 ? '' : `?${search.toString()}`}`,
      headers: {
        ...headers,
        authorization: `Bearer ${address.token}`,
        ...(address.label === undefined ? {} : { 'x-sluice-label': encodeURIComponent(address.label) }),
        ...(content === undefined ? {} : { 'content-type': type, 'content-length': content.length }),
      },
      ...(signal === undefined ? {} : { signal }),
    })
    const timer = setTimeout(() => outgoing.destroy(unreachable(`no answer within ${timeoutMs} ms`)), timeoutMs)
    outgoing.on('response', (incoming) => {
      clearTimeout(timer)
      resolve(incoming)
    })
    outgoing.on('error', (error) => {
      clearTimeout(timer)
      if (signal?.aborted) return reject(signal.reason)
      reject(
        error instanceof SluiceError ? error : (untrusted(address.url, error) ?? unreachable(messageOf(error), error)),
      )
    })
    outgoing.end(content)
  })
  if ((response.statusCode ?? 500) < 400) return response
  throw refusal(response.statusCode ?? 500, await readText(response, signal))
}

/** The whole answer; a connection lost in the middle is `CONTROL_PLANE_UNREACHABLE`. */
export async function readText(response: IncomingMessage, signal?: AbortSignal): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > MAX_ANSWER) throw new SluiceError('UNEXPECTED', 'the control plane answered without end')
      chunks.push(chunk)
    }
  } catch (error) {
    if (signal?.aborted) throw signal.reason
    throw error instanceof SluiceError ? error : unreachable(messageOf(error), error)
  }
  return Buffer.concat(chunks).toString()
}

export function unreachable(why: string, cause?: unknown): SluiceError {
  return new SluiceError('CONTROL_PLANE_UNREACHABLE', `the control plane does not answer: ${why}`, {
    hint: 'see `sluice doctor`; start it with `sluice up`. Of one elsewhere: is the address right, and is it up?',
    ...(cause === undefined ? {} : { cause }),
  })
}

/** A certificate that this machine does not trust; null: it is something else. */
function untrusted(url: string, error: NodeJS.ErrnoException): SluiceError | null {
  const code = error.code ?? ''
  if (!/^(?:CERT_|ERR_TLS_CERT|ERR_SSL|EPROTO|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED)/.test(code)) return null
  const hint =
    code === 'ERR_TLS_CERT_ALTNAME_INVALID'
      ? 'call it by a name that its certificate holds'
      : code === 'CERT_HAS_EXPIRED'
        ? 'the certificate has to be renewed on its machine'
        : /^(?:ERR_SSL|EPROTO)/.test(code)
          ? 'does it speak HTTPS there? Without a certificate its address begins with http://'
          : 'name the certificate of its authority: SLUICE_CA=<file>'
  return new SluiceError('CONTROL_PLANE_UNTRUSTED', `${new URL(url).host} cannot be trusted: ${error.message}`, {
    hint,
    cause: error,
  })
}

/** A problem document turned back into the error that was thrown on the other side. */
function refusal(status: number, text: string): SluiceError {
  try {
    const { detail, ...problem } = JSON.parse(text) as Omit<SerializedError, 'message'> & { readonly detail: string }
    if (isErrorCode(problem.code)) return SluiceError.fromJSON({ ...problem, message: detail })
  } catch {
    // not a problem document of ours
  }
  return new SluiceError('UNEXPECTED', `the control plane answered ${status}: ${text.slice(0, 200)}`)
}
