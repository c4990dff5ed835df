import { expect } from 'vitest'
import { WebSocket } from 'ws'
import { until } from './until.ts'
import type { EdgeCase, Site } from './world.ts'

export interface Conversation {
  readonly socket: WebSocket
  readonly messages: (string | Buffer)[]
  /** Code with which it was closed; 0 as long as it is open. */
  code: number
  reason: string
}

export async function converse(site: Site, path = '/ws', protocols: string[] = []): Promise<Conversation> {
  const socket = new WebSocket(`ws://127.0.0.1:${site.port}${path}`, protocols)
  const conversation: Conversation = { socket, messages: [], code: 0, reason: '' }
  socket.on('message', (data: Buffer, isBinary) => conversation.messages.push(isBinary ? data : data.toString()))
  socket.on('close', (code, reason) => Object.assign(conversation, { code, reason: reason.toString() }))
  await new Promise<void>((resolve, reject) => {
    socket.on('open', resolve)
    socket.on('error', reject)
  })
  return conversation
}

export const webSocketCases: readonly EdgeCase[] = [
  {
    name: 'a WebSocket carries text, a megabyte of binary data and its subprotocol',
    async run(world) {
      const app = await world.app()
      const site = await world.serve([app])
      const { socket, messages } = await converse(site, '/ws?x=1', ['chat', 'other'])
      expect(socket.protocol).toBe('chat')
      expect(app.seen[0]).toMatchObject({ url: '/ws?x=1', headers: { 'x-forwarded-proto': 'http' } })
      const binary = Buffer.alloc(1024 * 1024, 'ab')
      socket.send('hello')
      socket.send(binary)
      await until('both came back', () => messages.length === 2)
      expect(messages[0]).toBe('hello')
      expect(binary.equals(messages[1] as Buffer)).toBe(true)
      socket.close()
    },
  },
  {
    name: 'close codes pass both ways',
    async run(world) {
      const app = await world.app()
      const site = await world.serve([app])
      const byApp = await converse(site)
      byApp.socket.send('close 4321')
      await until('the client sees the code', () => byApp.code !== 0)
      expect([byApp.code, byApp.reason]).toEqual([4321, 'as asked'])
      const byClient = await converse(site)
      let code = 0
      for (const socket of app.sockets) socket.on('close', (seen) => (code = seen))
      byClient.socket.close(4567, 'bye')
      await until('the application sees the code', () => code !== 0)
      expect(code).toBe(4567)
      await until('the client is done', () => byClient.code !== 0)
      expect(byClient.code).toBe(4567)
    },
  },
  {
    name: 'a refused upgrade passes with its status and body',
    async run(world) {
      const site = await world.serve([await world.app()])
      const socket = new WebSocket(`ws://127.0.0.1:${site.port}/ws/refused`)
      const answer = await new Promise<{ status: number; reason: string; body: string }>((resolve) => {
        socket.on('error', () => {})
        socket.on('unexpected-response', (_, response) => {
          let body = ''
          response.on('data', (chunk) => (body += chunk))
          const reason = response.headers['x-reason']?.toString() ?? ''
          response.on('end', () => resolve({ status: response.statusCode ?? 0, reason, body }))
        })
      })
      expect(answer).toEqual({ status: 401, reason: 'token', body: 'nope' })
    },
  },
  {
    name: 'a WebSocket whose application dies ends with 1006',
    async run(world) {
      const app = await world.app()
      const site = await world.serve([app])
      const conversation = await converse(site)
      await app.kill()
      await until('the client sees the end', () => conversation.code !== 0)
      expect(conversation.code).toBe(1006)
    },
  },
  {
    name: 'a WebSocket is assigned like a request of its visitor',
    async run(world) {
      const site = await world.serve([await world.app('r1'), await world.app('r2')])
      await site.weight(1)
      const { socket, messages } = await converse(site)
      socket.send('who')
      await until('the answer is there', () => messages.length === 1)
      expect(messages[0]).toMatch(/^r2 /)
      socket.close()
    },
  },
]
