import { Agent, request as httpRequest, type RequestOptions } from 'node:http'
import type { Client, ClientContext } from './client.ts'
import { MOST_IN_FLIGHT } from './http-clients.ts'
import { Outstanding } from './outstanding.ts'
import { pace } from './pace.ts'
import { clock } from './recorder.ts'
import type { HeaderBytesClient } from './traffic.ts'

/** Bytes as characters: UTF-8 (which may end like a blank of Latin-1), Latin-1 that is no UTF-8, plain ASCII. */
const values = [
  Buffer.from('ça va, voilà').toString('latin1'),
  Buffer.from('Привет 日本').toString('latin1'),
  'caf\u00e9 \u00fc\u00a0',
  'plain',
]

/** Requests whose header `x-bytes` has to come back exactly as it was sent. Over HTTP/1, where header values are bytes. */
export function headerBytesClient(spec: HeaderBytesClient): Client {
  return async (context) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 32 })
    const open = new Outstanding()
    let turn = 0
    await pace(context.perSecond, context.signal, () => {
      if (open.count >= MOST_IN_FLIGHT) return context.recorder.skip()
      open.add(one(context, spec.path, agent, values[turn++ % values.length] ?? ''))
    })
    await open.idle()
    agent.destroy()
  }
}

function one(
  { recorder, name: client, endpoint, timeoutMs, headers }: ClientContext,
  path: string,
  agent: Agent,
  value: string,
): Promise<void> {
  const request = `GET ${path} (x-bytes)`
  const begunAt = clock()
  return new Promise((resolve) => {
    const options: RequestOptions = { agent, timeout: timeoutMs }
    options.headers = { ...headers, host: endpoint.host, 'x-bytes': value }
    const outgoing = httpRequest(new URL(path, endpoint.origin), options)
    const missed = (error: unknown) => {
      recorder.missed({ client, request, begunAt, error })
      outgoing.off('error', missed).on('error', () => {})
      outgoing.destroy()
      resolve()
    }
    outgoing.on('error', missed)
    outgoing.on('timeout', () => missed(new Error(`no answer within ${timeoutMs} ms`)))
    outgoing.on('response', (answer) => {
      answer.on('error', missed)
      answer.on('end', () => {
        const back = answer.headers['x-bytes']
        const status = answer.statusCode ?? 0
        if (status === 200 && back !== value) return missed(new Error(`x-bytes came back as ${String(back)}`))
        recorder.answered({ client, request, begunAt, status, headers: answer.headers })
        resolve()
      })
      answer.resume()
    })
    outgoing.end()
  })
}
