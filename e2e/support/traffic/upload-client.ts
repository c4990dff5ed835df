import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client, ClientContext } from './client.ts'
import { clock } from './recorder.ts'
import type { UploadClient } from './traffic.ts'

const PIECE_BYTES = 16 * 1024
const PIECE_EVERY_MS = 250

/** Slow uploads, one after another by each of `count` clients: by their length or in chunks, half of each. */
export function uploadClient(spec: UploadClient): Client {
  return async (context) => {
    await Promise.all(
      Array.from({ length: spec.count }, async (_, index) => {
        // Not all at once: a deployment should meet uploads of every age.
        await pause(context.signal, (spec.durationMs * index) / spec.count)
        for (let turn = index; !context.signal.aborted; turn++) await upload(context, spec, turn % 2 === 0)
      }),
    )
  }
}

function upload(context: ClientContext, { path, durationMs }: UploadClient, inChunks: boolean): Promise<void> {
  const { recorder, name: client, endpoint, timeoutMs, signal } = context
  const pieces = Math.max(1, Math.round(durationMs / PIECE_EVERY_MS))
  const request = `POST ${path} (${inChunks ? 'in chunks' : 'by its length'})`
  const begunAt = clock()
  return new Promise((resolve) => {
    const outgoing = (endpoint.secure ? httpsRequest : httpRequest)(new URL(path, endpoint.origin), {
      agent: false,
      method: 'POST',
      rejectUnauthorized: false,
      headers: {
        ...context.headers,
        host: endpoint.host,
        ...(inChunks ? { 'transfer-encoding': 'chunked' } : { 'content-length': pieces * PIECE_BYTES }),
      },
    })
    let isSettled = false
    const settle = (report: () => void) => {
      if (isSettled) return
      isSettled = true
      clearTimeout(timer)
      report()
      outgoing.destroy()
      resolve()
    }
    const missed = (error: unknown) => settle(() => recorder.missed({ client, request, begunAt, error }))
    const timer = setTimeout(() => missed(new Error('no answer to an upload')), durationMs + timeoutMs)
    outgoing.on('error', missed)
    outgoing.on('response', (answer) => {
      let text = ''
      answer.setEncoding('utf8')
      answer.on('data', (part: string) => (text += part))
      answer.on('error', missed)
      answer.on('end', () => {
        const status = answer.statusCode ?? 0
        if (status === 200 && !text.includes(`"bytes":${sent}}`)) {
          return missed(new Error(`${sent} bytes were sent, and the application says ${text}`))
        }
        settle(() => recorder.answered({ client, request, begunAt, status, headers: answer.headers }))
      })
    })
    let sent = 0
    const piece = Buffer.alloc(PIECE_BYTES, 'sluice ')
    const send = async () => {
      for (let count = 0; count < pieces && !isSettled; count++) {
        // At the end of the traffic chunks may stop at once; a length has to be kept.
        if (signal.aborted && inChunks) break
        sent += PIECE_BYTES
        outgoing.write(piece)
        await pause(signal, PIECE_EVERY_MS)
      }
      outgoing.end()
    }
    send().catch(missed)
  })
}

function pause(signal: AbortSignal, ms: number): Promise<void> {
  return signal.aborted ? Promise.resolve() : sleep(ms, undefined, { signal }).catch(() => {})
}
