import { randomBytes } from 'node:crypto'
import { chmod, rename } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { isSluiceError, SluiceError } from '../../model/error.ts'
import type { CallOptions, DrainTarget, Edge, HoldOrder, RouteTable, SampleQuery } from '../edge.ts'

const MAX_BODY_BYTES = 64 * 1024 * 1024

/** Further calls of one implementation, such as a hand-over: name → what it answers. */
export type ExtraCalls = Readonly<Record<string, (body: unknown, options: CallOptions) => Promise<unknown>>>

export interface ControlServer {
  readonly path: string
  /** Takes no more calls; those in progress end. The socket file is left to whoever owns the path by now. */
  close(): Promise<void>
}

/** Serves an edge to `remoteEdge` over a unix socket: one POST per call, JSON both ways, errors as problems with our code. */
export async function serveControl(options: {
  readonly edge: Edge
  readonly path: string
  readonly extra?: ExtraCalls
}): Promise<ControlServer> {
  const { edge, path, extra = {} } = options
  const calls: ExtraCalls = {
    capabilities: async () => edge.capabilities,
    apply: (body, call) => edge.apply(body as RouteTable, call),
    inspect: (_, call) => edge.inspect(call),
    samples: (body, call) => edge.samples(body as SampleQuery, call),
    drain: (body, { signal, deadlineMs = 0 }) =>
      edge.drain(body as DrainTarget, { deadlineMs, ...(signal === undefined ? {} : { signal }) }),
    hold: (body, call) => edge.hold(body as HoldOrder, call),
    stop: () => edge.close({ stop: true }),
    ...extra,
  }
  const server = createServer((request, response) => {
    answer(calls, request, response).catch((error: unknown) => response.destroy(error as Error))
  })
  server.requestTimeout = 0
  // Bound under a name of its own and renamed: the successor takes the path over while this one still answers.
  const temporary = `${path}.${randomBytes(4).toString('hex')}`
  await listen(server, temporary)
  await chmod(temporary, 0o600)
  await rename(temporary, path)
  return {
    path,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeIdleConnections()
      }),
  }
}

async function answer(calls: ExtraCalls, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const gone = new AbortController()
  response.on('close', () => {
    if (!response.writableFinished) gone.abort(new SluiceError('CANCELLED', 'the caller hung up'))
  })
  try {
    const call = Object.hasOwn(calls, request.url?.slice(1) ?? '') ? calls[request.url?.slice(1) ?? ''] : undefined
    if (call === undefined) throw new SluiceError('NOT_FOUND', `the edge knows no call ${request.url}`)
    const { body, deadlineMs } = JSON.parse(await textOf(request))
    const options = { signal: gone.signal, ...(typeof deadlineMs === 'number' ? { deadlineMs } : {}) }
    send(response, 200, { result: (await call(body, options)) ?? null })
  } catch (error) {
    const known = isSluiceError(error) ? error : new SluiceError('UNEXPECTED', String(error), { cause: error })
    send(response, known.status, { error: known.toJSON() })
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    bytes += chunk.length
    if (bytes > MAX_BODY_BYTES) throw new SluiceError('USAGE', 'the call is too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function send(response: ServerResponse, status: number, body: unknown): void {
  if (response.destroyed) return
  const text = JSON.stringify(body)
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
  response.end(text)
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
