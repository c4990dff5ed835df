import { type Agent, type IncomingMessage, request } from 'node:http'
import { isErrorCode, type SerializedError, SluiceError } from '../../model/error.ts'
import { messageOf } from '../../support/message-of.ts'

/** Where a control plane listens, and what it wants to hear. */
export interface ControlAddress {
  readonly port: number
  readonly token: string
  /** What this client calls its user. */
  readonly label?: string
}

export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
  readonly timeoutMs?: number
}

const CALL_MS = 60_000
const MAX_ANSWER = 64 * 1024 * 1024

/**
 * One request on a kept connection. Throws the `SluiceError` that the API answered, or `CONTROL_PLANE_UNREACHABLE`
 * when no answer came. `node:http`, because `fetch` alone takes 20 ms to load.
 */
export async function send(agent: Agent, address: ControlAddress, call: Call): Promise<IncomingMessage> {
  const { method, path, query = {}, body, headers = {}, signal, timeoutMs = CALL_MS } = call
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, String(value))
  const content = body === undefined ? undefined : JSON.stringify(body)
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing = request({
      agent,
      host: '127.0.0.1',
      port: address.port,
      method,
      path: search.size === 0 ? path : `${path}?${search.toString()}`,
      headers: {
        ...headers,
        authorization: `Bearer ${address.token}`,
        ...(address.label === undefined ? {} : { 'x-sluice-label': encodeURIComponent(address.label) }),
        ...(content === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(content) }),
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
      reject(error instanceof SluiceError ? error : unreachable(messageOf(error), error))
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
    hint: 'see `sluice doctor`; start it with `sluice up`',
    ...(cause === undefined ? {} : { cause }),
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
