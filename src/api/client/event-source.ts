import type { IncomingMessage } from 'node:http'
import { unreachable } from './transport.ts'

export interface ServerSentEvent {
  readonly event: string
  readonly id: string | null
  readonly data: string
}

/** The server says something every 15 s; silence beyond this means that nobody is there any more. */
const SILENCE_MS = 45_000

/** Events of one connection; throws `CONTROL_PLANE_UNREACHABLE` when it is lost before its end. */
export async function* serverSentEvents(
  response: IncomingMessage,
  signal: AbortSignal,
): AsyncGenerator<ServerSentEvent> {
  for await (const frame of split(response, '\n\n', signal)) {
    const fields = new Map<string, string>()
    for (const line of frame.split('\n')) {
      const colon = line.indexOf(':')
      if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1).trimStart())
    }
    const data = fields.get('data')
    if (data !== undefined) yield { event: fields.get('event') ?? 'message', id: fields.get('id') ?? null, data }
  }
}

/** Pieces of a text stream between separators. */
export async function* split(
  response: IncomingMessage,
  separator: string,
  signal: AbortSignal,
  silenceMs = SILENCE_MS,
): AsyncGenerator<string> {
  const watch = setTimeout(() => response.destroy(unreachable(`silent for ${silenceMs} ms`)), silenceMs)
  const onAbort = () => void response.destroy()
  signal.addEventListener('abort', onAbort, { once: true })
  response.setEncoding('utf8')
  let rest = ''
  try {
    for await (const chunk of response as unknown as AsyncIterable<string>) {
      watch.refresh()
      rest += chunk
      let end = rest.indexOf(separator)
      while (end !== -1) {
        yield rest.slice(0, end)
        rest = rest.slice(end + separator.length)
        end = rest.indexOf(separator)
      }
    }
    if (rest !== '') yield rest
  } catch (error) {
    if (signal.aborted) return
    throw unreachable('the connection was lost', error)
  } finally {
    clearTimeout(watch)
    signal.removeEventListener('abort', onAbort)
    response.destroy()
  }
}
