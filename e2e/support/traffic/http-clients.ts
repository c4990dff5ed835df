import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'undici'
import type { Client, ClientContext } from './client.ts'
import type { Endpoint } from './endpoint.ts'
import { Outstanding } from './outstanding.ts'
import { pace } from './pace.ts'
import { clock } from './recorder.ts'
import type { RequestClient, SlowClient } from './traffic.ts'

/** Above this many open requests new ones are skipped and counted: the machine is not to be run over. */
export const MOST_IN_FLIGHT = 2000

export function poolFor(endpoint: Endpoint, connections: number, timeoutMs: number): Pool {
  return new Pool(endpoint.origin, {
    connections,
    pipelining: 1,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    connect: { timeout: timeoutMs, rejectUnauthorized: false },
  })
}

/** GET or POST at a rate over kept connections, or each over a fresh one. */
export function requestClient(spec: RequestClient): Client {
  return async (context) => {
    const fresh = spec.kind === 'fresh'
    const pool = fresh ? null : poolFor(context.endpoint, spec.connections ?? 8, context.timeoutMs)
    const open = new Outstanding()
    const one = () => (pool === null ? overFreshConnection(context, spec.path) : overPool(pool, context, spec))
    await pace(context.perSecond, context.signal, () => {
      if (open.count >= MOST_IN_FLIGHT) return context.recorder.skip()
      open.add(one())
    })
    await open.idle()
    await pool?.close()
  }
}

/** A few clients, each with one request always in flight. */
export function slowClient(spec: SlowClient): Client {
  return async (context) => {
    const pool = poolFor(context.endpoint, spec.count, context.timeoutMs)
    await Promise.all(
      Array.from({ length: spec.count }, async () => {
        while (!context.signal.aborted) {
          await overPool(pool, context, { kind: 'keep-alive', path: spec.path })
          await sleep(5) // a refused connection must not become a busy loop
        }
      }),
    )
    await pool.close()
  }
}

async function overPool(pool: Pool, context: ClientContext, spec: RequestClient): Promise<void> {
  const { recorder, name: client, endpoint } = context
  const post = spec.kind === 'post'
  const request = `${post ? 'POST' : 'GET'} ${spec.path}`
  const begunAt = clock()
  try {
    const answer = await pool.request({
      method: post ? 'POST' : 'GET',
      path: spec.path,
      headers: {
        ...context.headers,
        host: endpoint.host,
        ...(post ? { 'content-type': 'application/json' } : {}),
      },
      body: post ? (spec.body ?? '{"hello":"world"}') : null,
    })
    await answer.body.arrayBuffer()
    recorder.answered({ client, request, begunAt, status: answer.statusCode, headers: answer.headers })
  } catch (error) {
    recorder.missed({ client, request, begunAt, error })
  }
}

function overFreshConnection(context: ClientContext, path: string): Promise<void> {
  const { recorder, name: client, endpoint, timeoutMs } = context
  const request = `GET ${path}`
  const begunAt = clock()
  return new Promise((resolve) => {
    const missed = (error: unknown) => {
      recorder.missed({ client, request, begunAt, error })
      outgoing.destroy()
      resolve()
    }
    const outgoing = (endpoint.secure ? httpsRequest : httpRequest)(new URL(path, endpoint.origin), {
      agent: false,
      headers: { ...context.headers, host: endpoint.host, connection: 'close' },
      timeout: timeoutMs,
      rejectUnauthorized: false,
    })
    let settled = false
    const once = (action: () => void) => {
      if (settled) return
      settled = true
      action()
    }
    outgoing.on('timeout', () => once(() => missed(new Error(`no answer within ${timeoutMs} ms`))))
    outgoing.on('error', (error) => once(() => missed(error)))
    outgoing.on('response', (answer) => {
      answer.resume()
      answer.on('error', (error) => once(() => missed(error)))
      answer.on('close', () => once(() => missed(new Error('the answer was cut'))))
      answer.on('end', () =>
        once(() => {
          if (!answer.complete) return missed(new Error('the answer was cut'))
          recorder.answered({ client, request, begunAt, status: answer.statusCode ?? 0, headers: answer.headers })
          resolve()
        }),
      )
    })
    outgoing.end()
  })
}
