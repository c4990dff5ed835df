import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import { createParser } from 'eventsource-parser'
import type { Client, ClientContext } from './client.ts'
import { clock } from './recorder.ts'
import type { StreamClient } from './traffic.ts'

const REOPEN_MS = 50

/** Keeps streams open like a browser: after a clean end each is opened again with the last event's id. */
export function sseClient(spec: StreamClient): Client {
  return async (context) => {
    await Promise.all(
      Array.from({ length: spec.count }, async () => {
        const position: Position = { lastId: null }
        while (!context.signal.aborted) {
          await readStream(context, { path: spec.path, method: spec.method ?? 'GET', position })
          if (!context.signal.aborted) await sleep(REOPEN_MS)
        }
      }),
    )
  }
}

interface Position {
  lastId: string | null
}

export interface StreamOrder {
  readonly path: string
  readonly method?: 'GET' | 'POST'
  readonly position: Position
  readonly headers?: Readonly<Record<string, string>>
}

export function readStream(context: ClientContext, order: StreamOrder): Promise<void> {
  const { path, method = 'GET', position, headers = {} } = order
  const { recorder, name: client, endpoint, timeoutMs, signal } = context
  const request = `${method} ${path} (stream)`
  const begunAt = clock()
  return new Promise((resolve) => {
    let settled = false
    const finish = (action: () => void) => {
      if (settled) return
      settled = true
      signal.removeEventListener('abort', leave)
      action()
      outgoing.destroy()
      resolve()
    }
    const leave = () => finish(() => {})
    const outgoing = (endpoint.secure ? httpsRequest : httpRequest)(new URL(path, endpoint.origin), {
      agent: false,
      method,
      rejectUnauthorized: false,
      headers: {
        ...context.headers,
        ...headers,
        host: endpoint.host,
        accept: 'text/event-stream',
        ...(position.lastId === null || method === 'POST' ? {} : { 'last-event-id': position.lastId }),
        ...(method === 'POST' ? { 'content-type': 'application/json' } : {}),
      },
    })
    const noAnswer = setTimeout(() => {
      finish(() => recorder.missed({ client, request, begunAt, error: new Error(`no answer within ${timeoutMs} ms`) }))
    }, timeoutMs)
    signal.addEventListener('abort', leave, { once: true })
    outgoing.on('close', () => clearTimeout(noAnswer))
    outgoing.on('error', (error) => finish(() => recorder.missed({ client, request, begunAt, error })))
    outgoing.on('response', (answer) => {
      clearTimeout(noAnswer)
      const status = answer.statusCode ?? 0
      recorder.answered({ client, request, begunAt, status, headers: answer.headers })
      if (status === 200) recorder.opened()
      const parser = createParser({
        onEvent: (event) => {
          position.lastId = event.id ?? position.lastId
          recorder.message()
        },
      })
      const cut = (error: unknown) =>
        finish(() => {
          if (status === 200) recorder.cut({ client, request, begunAt: clock(), error })
        })
      answer.setEncoding('utf8')
      answer.on('data', (chunk: string) => parser.feed(chunk))
      answer.on('error', cut)
      answer.on('end', () =>
        finish(() => {
          if (status === 200) recorder.endedCleanly()
        }),
      )
      answer.on('close', () => cut(new Error('the stream was cut')))
    })
    outgoing.end(method === 'POST' ? '{"prompt":"tell me"}' : undefined)
    if (signal.aborted) leave()
  })
}
