import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'
import type { Client, ClientContext } from './client.ts'
import { clock } from './recorder.ts'
import type { SocketClient } from './traffic.ts'

const REOPEN_MS = 50
/** Said goodbye: normal, going away, restarting. */
const CLEAN_CODES: readonly number[] = [1000, 1001, 1012]

/** Keeps sockets open; every message must come back. One that was told to go opens again. */
export function websocketClient(spec: SocketClient): Client {
  return async (context) => {
    await Promise.all(
      Array.from({ length: spec.count }, async () => {
        while (!context.signal.aborted) {
          await talk(context, spec)
          if (!context.signal.aborted) await sleep(REOPEN_MS)
        }
      }),
    )
  }
}

function talk(context: ClientContext, spec: SocketClient): Promise<void> {
  const { recorder, name: client, endpoint, timeoutMs, signal } = context
  const request = `WebSocket ${spec.path}`
  return new Promise((resolve) => {
    const openedAt = clock()
    const socket = new WebSocket(`${endpoint.origin.replace(/^http/, 'ws')}${spec.path}`, {
      headers: { ...context.headers, host: endpoint.host },
      handshakeTimeout: timeoutMs,
      rejectUnauthorized: false,
    })
    let open = false
    let headers: Record<string, string | string[] | undefined> = {}
    let failure: unknown = null
    let refusedWith: number | null = null
    let timer: NodeJS.Timeout | undefined
    /** Beginning of each message that has not come back, oldest first. */
    const unanswered: number[] = []
    const leave = () => socket.close(1000)

    const send = () => {
      const oldest = unanswered[0]
      if (oldest !== undefined && clock() - oldest > timeoutMs) {
        failure = new Error(`a message did not come back within ${timeoutMs} ms`)
        return socket.terminate()
      }
      unanswered.push(clock())
      socket.send(`sluice-traffic ${unanswered.length}`)
    }

    signal.addEventListener('abort', leave, { once: true })
    socket.on('upgrade', (response) => {
      headers = response.headers
    })
    socket.on('unexpected-response', (_, response) => {
      refusedWith = response.statusCode ?? 0
      headers = response.headers
      response.resume()
      socket.terminate()
    })
    socket.on('open', () => {
      open = true
      recorder.opened()
      recorder.answered({ client, request, begunAt: openedAt, status: 101, headers })
      send()
      timer = setInterval(send, spec.messageEveryMs ?? 200)
    })
    socket.on('message', (data: Buffer) => {
      if (!data.toString().startsWith('sluice-traffic ')) return // a greeting of the app
      recorder.message()
      const begunAt = unanswered.shift() ?? clock()
      recorder.answered({ client: `${client} message`, request, begunAt, status: 200, headers })
    })
    socket.on('error', (error) => {
      failure ??= error
    })
    socket.on('close', (code) => {
      clearInterval(timer)
      signal.removeEventListener('abort', leave)
      if (refusedWith !== null) {
        recorder.answered({ client, request, begunAt: openedAt, status: refusedWith, headers })
      } else if (!open) {
        if (!signal.aborted) recorder.missed({ client, request, begunAt: openedAt, error: failure ?? closed(code) })
      } else if (CLEAN_CODES.includes(code)) {
        recorder.endedCleanly()
      } else if (!signal.aborted) {
        recorder.cut({ client, request, begunAt: clock(), error: failure ?? closed(code) })
      }
      resolve()
    })
    if (signal.aborted) leave()
  })
}

function closed(code: number): Error {
  return new Error(`closed with code ${code}`)
}
