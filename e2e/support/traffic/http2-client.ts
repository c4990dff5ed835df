import { type ClientHttp2Session, connect, constants, type IncomingHttpHeaders } from 'node:http2'
import type { Client, ClientContext } from './client.ts'
import { MOST_IN_FLIGHT } from './http-clients.ts'
import { Outstanding } from './outstanding.ts'
import { pace } from './pace.ts'
import { clock } from './recorder.ts'
import type { Http2Client } from './traffic.ts'

const { NGHTTP2_REFUSED_STREAM } = constants
const MOST_TRIES = 3

/**
 * Requests over a few HTTP/2 connections that stay open, many at a time on each. A connection that was told to go gets no
 * new ones and ends with its last. What a server says it has not begun is asked again, as every browser does.
 */
export function http2Client(spec: Http2Client): Client {
  return async (context) => {
    const connections = Array.from({ length: spec.connections ?? 2 }, () => new Connection(context))
    const open = new Outstanding()
    let turn = 0
    await pace(context.perSecond, context.signal, () => {
      const connection = connections[turn++ % connections.length]
      if (open.count >= MOST_IN_FLIGHT || connection === undefined) return context.recorder.skip()
      open.add(one(context, spec, connection))
    })
    await open.idle()
    for (const connection of connections) connection.close()
  }
}

class Connection {
  readonly #context: ClientContext
  #session: ClientHttp2Session | null = null

  constructor(context: ClientContext) {
    this.#context = context
  }

  get session(): ClientHttp2Session {
    const { origin, host } = this.#context.endpoint
    if (this.#session === null || this.#session.closed || this.#session.destroyed) {
      const session = connect(origin, { rejectUnauthorized: false, servername: host.replace(/:\d+$/, '') })
      session.on('error', () => {}) // each of its requests tells it
      session.on('goaway', () => {
        if (this.#session === session) this.#session = null
      })
      this.#session = session
    }
    return this.#session
  }

  close(): void {
    this.#session?.close()
  }
}

async function one(context: ClientContext, spec: Http2Client, connection: Connection): Promise<void> {
  const { recorder, name: client } = context
  const request = `${spec.body === undefined ? 'GET' : 'POST'} ${spec.path} (HTTP/2)`
  const begunAt = clock()
  for (let tries = 1; ; tries++) {
    const outcome = await ask(connection.session, context, spec)
    if (outcome.kind === 'answered') {
      const { status, headers } = outcome
      return recorder.answered({ client, request, begunAt, status, headers })
    }
    if (outcome.kind === 'lost' || tries === MOST_TRIES) {
      return recorder.missed({ client, request, begunAt, error: outcome.error })
    }
    recorder.repeat()
  }
}

type Outcome =
  | { readonly kind: 'answered'; readonly status: number; readonly headers: IncomingHttpHeaders }
  | { readonly kind: 'not-begun' | 'lost'; readonly error: unknown }

function ask(
  session: ClientHttp2Session,
  { endpoint, headers: extra, timeoutMs }: ClientContext,
  { path, body }: Http2Client,
): Promise<Outcome> {
  return new Promise((resolve) => {
    try {
      const stream = session.request(
        {
          ':method': body === undefined ? 'GET' : 'POST',
          ':path': path,
          ':authority': endpoint.host,
          ...extra,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        { endStream: body === undefined },
      )
      let headers: IncomingHttpHeaders = {}
      let isWhole = false
      let failure: unknown = new Error('the answer was cut')
      const timer = setTimeout(() => {
        failure = new Error(`no answer within ${timeoutMs} ms`)
        stream.close(constants.NGHTTP2_CANCEL)
      }, timeoutMs)
      stream.on('response', (received) => {
        headers = received
      })
      stream.on('end', () => {
        isWhole = headers[':status'] !== undefined
      })
      stream.on('error', (error) => {
        failure = error
      })
      stream.on('close', () => {
        clearTimeout(timer)
        const status = Number(headers[':status'] ?? 0)
        if (isWhole && stream.rstCode === 0) resolve({ kind: 'answered', status, headers })
        else resolve({ kind: stream.rstCode === NGHTTP2_REFUSED_STREAM ? 'not-begun' : 'lost', error: failure })
      })
      stream.resume()
      if (body !== undefined) stream.end(body)
    } catch (error) {
      // The connection was told to go between our look and our request: nothing was sent.
      resolve({ kind: 'not-begun', error })
    }
  })
}
