import { Agent, request } from 'node:http'
import { SluiceError } from '../../model/error.ts'
import type { CallOptions, Drained, Edge, EdgeCapabilities, EdgeState, SampleBatch } from '../edge.ts'

const DEFAULT_DEADLINE_MS = 10_000
/** A drain answers at its deadline at the latest; this much later the edge is taken for dead. */
const DRAIN_GRACE_MS = 5000

/** Remote control of an edge process that serves its control socket at `path`. Throws `EDGE_UNREACHABLE` when none does. */
export async function remoteEdge(path: string, options: CallOptions = {}): Promise<Edge> {
  const agent = new Agent({ keepAlive: true, maxSockets: 16 })
  const call = <T>(name: string, body: unknown, callOptions: CallOptions = {}, passedMs?: number) =>
    controlCall<T>({ path, agent, name, body, options: callOptions, ...(passedMs === undefined ? {} : { passedMs }) })
  const capabilities = await call<EdgeCapabilities>('capabilities', null, options)
  return {
    capabilities,
    apply: (table, callOptions) => call<void>('apply', table, callOptions),
    inspect: (callOptions) => call<EdgeState>('inspect', null, callOptions),
    samples: (query, callOptions) => call<SampleBatch>('samples', query, callOptions),
    drain: (target, callOptions) => {
      const patient = { ...callOptions, deadlineMs: callOptions.deadlineMs + DRAIN_GRACE_MS }
      return call<Drained>('drain', target, patient, callOptions.deadlineMs)
    },
    hold: (order, callOptions) => call<void>('hold', order, callOptions),
    async close({ stop = false } = {}) {
      if (stop) await call<void>('stop', null)
      agent.destroy()
    },
  }
}

/** One call over the socket; an absent, deaf or dead edge is `EDGE_UNREACHABLE`, a late one `DEADLINE_EXCEEDED`. */
export function controlCall<T>(order: {
  readonly path: string
  readonly name: string
  readonly body: unknown
  readonly options?: CallOptions
  readonly agent?: Agent
  /** Deadline told to the edge, when it is another than that of the call. */
  readonly passedMs?: number
}): Promise<T> {
  const { path, name, body, options = {}, agent } = order
  const { signal, deadlineMs = DEFAULT_DEADLINE_MS } = options
  const text = JSON.stringify({ body, deadlineMs: order.passedMs ?? deadlineMs })
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const outgoing = request({
      socketPath: path,
      path: `/${name}`,
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) },
      agent: agent ?? false,
    })
    const fail = (error: unknown) => {
      finish()
      outgoing.destroy()
      reject(error)
    }
    const timer = setTimeout(
      () => fail(new SluiceError('DEADLINE_EXCEEDED', `the edge did not answer ${name} within ${deadlineMs} ms`)),
      deadlineMs,
    )
    const onAbort = () => fail(signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    function finish() {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
    }
    outgoing.on('error', (error) => {
      // A kept connection may lead to a process that has handed over since; every call may be made twice.
      if (!outgoing.reusedSocket || signal?.aborted) return fail(unreachable(path, error))
      finish()
      const { agent: _, ...again } = order
      controlCall<T>(again).then(resolve, reject)
    })
    outgoing.on('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', (error) => fail(unreachable(path, error)))
      response.on('end', () => {
        finish()
        try {
          const answer = JSON.parse(Buffer.concat(chunks).toString())
          if (answer.error === undefined) resolve(answer.result)
          else reject(SluiceError.fromJSON(answer.error))
        } catch (error) {
          reject(unreachable(path, error))
        }
      })
    })
    outgoing.end(text)
  })
}

function unreachable(path: string, cause: unknown): SluiceError {
  return new SluiceError('EDGE_UNREACHABLE', `no edge answers at ${path}`, {
    hint: 'run `sluice up`, which starts the edge again with the routes it had',
    cause,
  })
}
