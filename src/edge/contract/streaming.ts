import { createHash } from 'node:crypto'
import { request } from 'node:http'
import { connect } from 'node:net'
import { expect } from 'vitest'
import { until } from './until.ts'
import type { EdgeCase, Site } from './world.ts'

/** Opens a request and keeps it open; `text` grows as the answer arrives. */
export function openRequest(site: Site, path: string, headers: Record<string, string> = {}, method = 'GET') {
  const seen = { text: '', status: 0, ended: false, broken: false }
  const outgoing = request({ host: '127.0.0.1', port: site.port, path, method, headers, agent: false }, (response) => {
    seen.status = response.statusCode ?? 0
    response.setEncoding('latin1')
    response.on('data', (chunk) => (seen.text += chunk))
    response.on('end', () => (seen.ended = true))
    response.on('error', () => (seen.broken = true))
  })
  outgoing.on('error', () => (seen.broken = true))
  outgoing.end()
  return { seen, abort: () => outgoing.destroy() }
}

export const streamingCases: readonly EdgeCase[] = [
  {
    name: 'each event of an event stream arrives before the next one is sent',
    async run(world) {
      const site = await world.serve([await world.app()])
      const { seen, abort } = openRequest(site, '/sse?every=600000')
      await until('the first event is there', () => seen.text === 'data: 0\n\n')
      abort()
    },
  },
  {
    name: 'an upload of 30 MB in chunks arrives whole',
    async run(world) {
      const site = await world.serve([await world.app()])
      const chunk = Buffer.alloc(1024 * 1024, 'sluice')
      const hash = createHash('sha256')
      const body = await new Promise<string>((resolve, reject) => {
        const outgoing = request({ port: site.port, path: '/upload', method: 'POST', agent: false }, (response) => {
          let text = ''
          response.on('data', (part) => (text += part))
          response.on('end', () => resolve(text))
        })
        outgoing.on('error', reject)
        let left = 30
        const more = () => {
          while (left-- > 0) {
            hash.update(chunk)
            if (!outgoing.write(chunk)) {
              outgoing.once('drain', more)
              return
            }
          }
          outgoing.end()
        }
        more()
      })
      expect(JSON.parse(body)).toMatchObject({ bytes: 30 * chunk.length, sha256: hash.digest('hex') })
    },
  },
  {
    name: 'a download of 30 MB arrives whole, also at a client that reads slowly',
    async run(world) {
      const site = await world.serve([await world.app()])
      const bytes = await new Promise<number>((resolve, reject) => {
        request({ port: site.port, path: `/large/${30 * 1024 * 1024}`, agent: false }, (response) => {
          let count = 0
          let pauses = 0
          response.on('data', (chunk: Buffer) => {
            count += chunk.length
            if (pauses++ % 50 !== 0) return
            response.pause()
            setTimeout(() => response.resume(), 5)
          })
          response.on('end', () => resolve(count))
          response.on('error', reject)
        })
          .on('error', reject)
          .end()
      })
      expect(bytes).toBe(30 * 1024 * 1024)
    },
  },
  {
    name: 'a client that goes away is gone for the application too',
    async run(world) {
      const app = await world.app()
      const site = await world.serve([app])
      const { abort } = openRequest(site, '/deaf')
      await until('the application has the request', () => app.seen.length === 1)
      abort()
      await until('the application sees the abort', () => app.aborted === 1)
      const stream = openRequest(site, '/sse?every=20')
      await until('the stream flows', () => stream.seen.text.length > 20)
      stream.abort()
      await until('the application sees the second abort', () => app.aborted === 2)
    },
  },
  {
    name: 'an answer that the application breaks off is broken for the client too',
    async run(world) {
      const site = await world.serve([await world.app()])
      const { seen } = openRequest(site, '/break')
      await until('the answer has ended', () => seen.broken || seen.ended)
      expect(seen).toMatchObject({ status: 200, broken: true, ended: false })
    },
  },
  {
    name: 'an idle kept connection survives a change of weights and is routed anew',
    async run(world) {
      const site = await world.serve([await world.app('r1'), await world.app('r2')])
      const texts: string[] = []
      let closed = false
      const socket = connect(site.port, '127.0.0.1')
      socket.setEncoding('latin1')
      socket.on('data', (text: string) => texts.push(text))
      socket.on('close', () => (closed = true))
      const ask = async () => {
        const before = texts.length
        socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
        await until('the answer is there', () => texts.length > before)
        return /"release":"(\w+)"/.exec(texts.join(''))?.[1]
      }
      expect(await ask()).toBe('r1')
      texts.length = 0
      await site.weight(1)
      await site.apply({ split: { base: 'r2', candidate: null, weight: 0, salt: '' } })
      expect(await ask()).toBe('r2')
      expect(closed).toBe(false)
      socket.destroy()
    },
  },
]
