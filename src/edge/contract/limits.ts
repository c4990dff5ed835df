import { connect } from 'node:net'
import { expect } from 'vitest'
import { exchange } from '../testing/http-client.ts'
import { until } from './until.ts'
import type { EdgeCase } from './world.ts'

const HEAD = 'Host: a\r\n'
const isAnswered = (text: string) => text.includes('\r\n\r\n')

export const limitCases: readonly EdgeCase[] = [
  {
    name: 'a head above the limit is 431, also one of 100 kB, and one below it passes',
    async run(world) {
      const app = await world.app()
      const site = await world.serve([app], { limits: { headerBytes: 8192 } })
      for (const bytes of [9000, 100_000]) {
        const text = await exchange(
          site.port,
          `GET / HTTP/1.1\r\n${HEAD}X-Big: ${'x'.repeat(bytes)}\r\n\r\n`,
          isAnswered,
        )
        expect(text).toMatch(/^HTTP\/1\.1 431 /)
      }
      expect(app.seen).toEqual([])
      expect((await site.ask({ headers: { 'x-big': 'x'.repeat(6000) } })).status).toBe(200)
    },
  },
  {
    name: 'a body above the limit is 413, by its length and while it arrives',
    async run(world) {
      const site = await world.serve([await world.app()], { limits: { bodyBytes: 1000 } })
      const announced = `POST /upload HTTP/1.1\r\n${HEAD}Content-Length: 5000\r\n\r\n`
      expect(await exchange(site.port, announced, isAnswered)).toMatch(/^HTTP\/1\.1 413 /)
      const chunk = `400\r\n${'x'.repeat(1024)}\r\n`
      const chunked = `POST /upload HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\n${chunk}${chunk}`
      expect(await exchange(site.port, chunked, isAnswered)).toMatch(/^HTTP\/1\.1 413 /)
      const fine = await site.ask({ path: '/upload', method: 'POST', body: 'x'.repeat(900) })
      expect(JSON.parse(fine.body)).toMatchObject({ bytes: 900 })
    },
  },
  {
    name: 'a head that does not arrive in time is 408 and ends the connection',
    async run(world) {
      const site = await world.serve([await world.app()], { limits: { headersMs: 300 } })
      const text = await exchange(site.port, 'GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ')
      expect(text).toMatch(/^HTTP\/1\.1 408 /)
    },
  },
  {
    name: 'a crowd of clients that stop in the middle of a head keeps nobody from being served, and is closed',
    async run(world) {
      const site = await world.serve([await world.app()], { limits: { headersMs: 1000 } })
      const [seen, count] = [{ open: 0, closed: 0 }, 300]
      for (let client = 0; client < count; client++) {
        const socket = connect(site.port, '127.0.0.1', () => {
          seen.open++
          socket.write(`GET / HTTP/1.1\r\n${HEAD}X-`)
        })
        socket.on('close', () => seen.closed++).on('error', () => {})
        socket.resume()
      }
      await until('all of them are there', () => seen.open === count)
      expect((await site.ask('/status/200')).status).toBe(200)
      await until('all of them are closed', () => seen.closed === count)
    },
  },
  {
    name: 'a client that stops reading keeps nobody from being served',
    async run(world) {
      const app = await world.app()
      const site = await world.serve([app])
      const greedy = connect(site.port, '127.0.0.1', () => {
        greedy.write(`GET /large/${200 * 1024 * 1024} HTTP/1.1\r\n${HEAD}\r\n`)
      })
      greedy.pause()
      greedy.on('error', () => {})
      await until('it is being answered', async () => (await site.instance(app))?.inFlight === 1)
      for (let visit = 0; visit < 20; visit++) expect((await site.ask('/status/200')).status).toBe(200)
      expect((await site.instance(app))?.inFlight).toBe(1)
      greedy.destroy()
      await until('the application is told that it left', () => app.aborted === 1)
    },
  },
  {
    name: 'a connection that sends nothing is closed',
    async run(world) {
      const site = await world.serve([await world.app()], { limits: { headersMs: 300 } })
      await exchange(site.port, '')
    },
  },
  {
    name: 'a body that falls silent ends the request',
    async run(world) {
      const site = await world.serve([await world.app()], { limits: { bodyIdleMs: 300 } })
      const text = await exchange(site.port, `POST /upload HTTP/1.1\r\n${HEAD}Content-Length: 100\r\n\r\nabc`)
      expect(text).toMatch(/^HTTP\/1\.1 408 /)
    },
  },
  {
    name: 'an application that does not answer in time is 504, a stream that has begun may last',
    async run(world) {
      const site = await world.serve([await world.app()], { limits: { responseMs: 1500 } })
      const answer = await site.ask('/deaf')
      expect([answer.status, answer.headers['x-sluice-error']]).toEqual([504, 'APP_TIMEOUT'])
      const stream = await site.ask('/sse?count=9&every=250')
      expect(stream.body).toContain('data: 8')
    },
  },
  {
    name: 'an idle kept connection is closed after its time',
    async run(world) {
      const site = await world.serve([await world.app()], { limits: { keepAliveMs: 300 } })
      const text = await exchange(site.port, `GET /status/200 HTTP/1.1\r\n${HEAD}\r\n`)
      expect(text).toMatch(/^HTTP\/1\.1 200 /)
    },
  },
  {
    name: 'connections above the limit do not get in, and do again when others are gone',
    async run(world) {
      const site = await world.serve([await world.app()], { limits: { connections: 4 } })
      const sockets = Array.from({ length: 4 }, () => connect(site.port, '127.0.0.1'))
      let open = 0
      for (const socket of sockets) socket.on('connect', () => open++).on('error', () => {})
      await until('four connections are open', () => open === 4)
      const refused = () =>
        Promise.race([site.ask('/status/200'), new Promise((_, no) => setTimeout(() => no(new Error('waits')), 300))])
      await expect(refused()).rejects.toThrow()
      for (const socket of sockets) socket.destroy()
      await until('there is room again', () => site.ask('/status/200').then(Boolean, () => false))
    },
  },
]
