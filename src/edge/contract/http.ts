import { expect } from 'vitest'
import { exchange } from '../testing/http-client.ts'
import type { EdgeCase } from './world.ts'

const status = (text: string) => Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0)

export const httpCases: readonly EdgeCase[] = [
  {
    name: 'two Set-Cookie headers stay two',
    async run(world) {
      const site = await world.serve([await world.app()])
      expect((await site.ask('/cookies')).headers['set-cookie']).toEqual(['a=1; Path=/', 'b=2; Path=/'])
      const page = await site.ask({ path: '/cookies', headers: { accept: 'text/html' } })
      expect(page.headers['set-cookie']).toHaveLength(3)
    },
  },
  {
    name: '204, 304 and HEAD have no body, and the connection stays usable',
    async run(world) {
      const site = await world.serve([await world.app()])
      const agent = world.agent()
      for (const path of ['/status/204', '/status/304']) {
        const answer = await site.ask({ path, agent })
        expect([answer.status, answer.body]).toEqual([Number(path.slice(8)), ''])
      }
      const head = await site.ask({ method: 'HEAD', agent })
      expect([head.status, head.body]).toEqual([200, ''])
      expect((await site.ask({ path: '/status/200', agent })).body).toBe('fine')
    },
  },
  {
    name: 'HTTP/1.0 clients are answered and hung up on',
    async run(world) {
      const site = await world.serve([await world.app()])
      const text = await exchange(site.port, 'GET /status/200 HTTP/1.0\r\nHost: a\r\n\r\n')
      expect(status(text)).toBe(200)
      expect(text).not.toMatch(/transfer-encoding/i)
      expect(text.endsWith('fine')).toBe(true)
      const nameless = await exchange(site.port, 'GET /status/200 HTTP/1.0\r\n\r\n')
      expect([status(nameless), nameless.endsWith('fine')]).toEqual([200, true])
    },
  },
  {
    name: 'a request that names its whole address is one for its path',
    async run(world) {
      const site = await world.serve([await world.app()])
      const request = 'GET http://a/x?y=1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
      expect(await exchange(site.port, request)).toContain('"url":"/x?y=1"')
    },
  },
  {
    name: 'the application sees the Host of the client and who forwarded the request',
    async run(world) {
      const site = await world.serve([await world.app()])
      const { headers } = (
        await site.ask({
          headers: { host: 'www.example', 'x-forwarded-for': '10.1.1.1', 'x-forwarded-proto': 'gopher' },
        })
      ).json()
      expect(headers.host).toBe('www.example')
      expect(headers['x-forwarded-for']).toBe('10.1.1.1, 127.0.0.1')
      expect(headers['x-forwarded-proto']).toBe('http')
      expect(headers['x-forwarded-host']).toBe('www.example')
    },
  },
  {
    name: 'hop-by-hop headers and those named in Connection do not reach the application',
    async run(world) {
      const site = await world.serve([await world.app()])
      const { headers } = (
        await site.ask({
          headers: {
            connection: 'close, x-private',
            'x-private': '1',
            'keep-alive': 'timeout=1',
            'proxy-connection': 'close',
            te: 'trailers',
            'x-public': '1',
          },
        })
      ).json()
      expect(headers['x-public']).toBe('1')
      for (const name of ['x-private', 'keep-alive', 'proxy-connection', 'te']) expect(headers[name]).toBeUndefined()
      expect(headers.connection ?? 'keep-alive').not.toMatch(/close|x-private/)
    },
  },
  {
    name: 'headers named in Connection by the application do not reach the client',
    async run(world) {
      const site = await world.serve([await world.app()])
      const { headers } = await site.ask('/hop')
      expect([headers['x-secret-hop'], headers['x-kept']]).toEqual([undefined, '1'])
    },
  },
  {
    name: 'a Content-Length beside chunks is refused or dropped, never smuggled',
    async run(world) {
      const app = await world.app()
      const site = await world.serve([app])
      const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n'
      const request = `POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: ${5 + smuggled.length}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n${smuggled}`
      const text = await exchange(site.port, request)
      expect([400, 200]).toContain(status(text))
      expect(app.seen.map((seen) => seen.url)).not.toContain('/smuggled')
    },
  },
  {
    name: 'two different Content-Length headers are refused',
    async run(world) {
      const app = await world.app()
      const site = await world.serve([app])
      const request = 'POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabcde'
      expect(status(await exchange(site.port, request))).toBe(400)
      expect(app.seen).toEqual([])
    },
  },
  {
    name: 'requests that are no proper HTTP are refused with the edge as the author',
    async run(world) {
      const app = await world.app()
      const site = await world.serve([app])
      for (const request of [
        'nonsense\r\n\r\n',
        'GET / HTTP/1.1\r\nHost : a\r\n\r\n',
        'GET / HTTP/1.1\r\n\r\n',
        'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n',
        'GET / HTTP/1.1\r\nHost: a, b\r\n\r\n',
        'GET / HTTP/1.1\r\nHost: user@a\r\n\r\n',
        'GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n',
        'GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n',
        'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
      ]) {
        const text = await exchange(site.port, request, (answer) => answer.includes('\r\n\r\n'))
        expect([request, [400, 501].includes(status(text))]).toEqual([request, true])
      }
      expect(app.seen.filter((seen) => seen.method === 'GET')).toEqual([])
    },
  },
  {
    name: 'the client that closes does not close the connection to the application',
    async run(world) {
      const app = await world.app()
      const site = await world.serve([app])
      for (let i = 0; i < 3; i++) await site.ask({ headers: { connection: 'close' } })
      for (const seen of app.seen) expect(seen.headers.connection ?? 'keep-alive').toMatch(/keep-alive/i)
    },
  },
  {
    name: 'Expect: 100-continue is answered and the body arrives',
    async run(world) {
      const site = await world.serve([await world.app()])
      const head =
        'POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n'
      const text = await exchange(site.port, `${head}hello`)
      expect(text).toContain('"bytes":5')
      const bodies = text.split('\r\n\r\n')
      expect(bodies[0]?.startsWith('HTTP/1.1 100') || bodies[0]?.startsWith('HTTP/1.1 200')).toBe(true)
    },
  },
  {
    name: 'requests in a row on one connection are answered in order',
    async run(world) {
      const site = await world.serve([await world.app()])
      const one = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: a\r\n${more}\r\n`
      const text = await exchange(
        site.port,
        one('/slow/50') + one('/status/200') + one('/status/404', 'Connection: close\r\n'),
      )
      expect([...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((found) => found[1])).toEqual(['200', '200', '404'])
    },
  },
  {
    name: 'trailers of the application reach the client',
    async run(world) {
      const site = await world.serve([await world.app()])
      const answer = await site.ask({ path: '/trailers', headers: { te: 'trailers' } })
      expect([answer.body, answer.trailers['x-checksum']]).toEqual(['body', 'abc'])
    },
  },
  {
    name: 'trailers of the client reach the application',
    async run(world) {
      const site = await world.serve([await world.app()])
      const head =
        'POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\nConnection: close\r\n\r\n'
      const text = await exchange(site.port, `${head}3\r\nabc\r\n0\r\nx-sum: 7\r\n\r\n`)
      expect(text).toContain('"trailers":{"x-sum":"7"}')
    },
  },
  {
    name: "the edge's own errors carry a code and suit the reader",
    async run(world) {
      const app = await world.app()
      const site = await world.serve([app], { host: 'known.example' })
      const forPrograms = await site.ask({ headers: { accept: 'application/json' } })
      expect(forPrograms.headers['x-sluice-error']).toBe('ROUTE_NOT_FOUND')
      expect(forPrograms.headers['content-type']).toContain('json')
      expect(JSON.parse(forPrograms.body)).toMatchObject({ status: 404, code: 'ROUTE_NOT_FOUND' })
      const forPeople = await site.ask({ headers: { accept: 'text/html' } })
      expect(forPeople.headers['content-type']).toContain('text/html')
      const own = await site.ask({ path: '/status/404', headers: { host: 'known.example' } })
      expect([own.status, own.headers['x-sluice-error']]).toEqual([404, undefined])
      const spoofed = await site.ask({ path: '/spoof', headers: { host: 'known.example' } })
      expect([spoofed.status, spoofed.body, spoofed.headers['x-sluice-error']]).toEqual([500, 'own', undefined])
      expect(spoofed.headers['x-sluice-release']).toBe('r1')
    },
  },
  {
    name: 'an answer that is no HTTP is 502, asked for once, and spoils no other one',
    async run(world) {
      const app = await world.app()
      const site = await world.serve([app])
      const nonsense = [
        'SSH-2.0-OpenSSH\r\n\r\n',
        'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nhello',
        'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd',
        'HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nabc',
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
        'HTTP/1.1 200 OK\r\nX(y): z\r\nContent-Length: 3\r\n\r\nabc',
      ]
      for (const text of nonsense) {
        const path = `/raw/${Buffer.from(text).toString('base64url')}`
        const answer = await site.ask(path)
        expect([text, answer.status, answer.headers['x-sluice-error']]).toEqual([text, 502, 'APP_UNREACHABLE'])
        expect(app.seen.filter(({ url }) => url === path)).toHaveLength(1)
        expect((await site.ask('/status/200')).body).toBe('fine')
      }
      const poisoned = 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil'
      expect((await site.ask(`/raw/${Buffer.from(poisoned).toString('base64url')}`)).body).toBe('abc')
      for (let i = 0; i < 5; i++) expect((await site.ask('/status/200')).body).toBe('fine')
    },
  },
  {
    name: 'bytes beyond ASCII in header values arrive as they were sent, both ways',
    async run(world) {
      const app = await world.app()
      const site = await world.serve([app])
      // As bytes: UTF-8 that ends like a blank of Latin-1, and Latin-1 that is no UTF-8.
      const values = { 'X-Utf8': Buffer.from('ça va, voilà').toString('latin1'), 'X-Latin1': 'caf\u00e9 \u00fc\u00a0' }
      const lines = Object.entries(values).map(([name, value]) => `${name}: ${value}\r\n`)
      const request = (path: string) =>
        Buffer.from(`GET ${path} HTTP/1.1\r\nHost: a\r\n${lines.join('')}\r\n`, 'latin1')
      const ends = ['Content-Length: 2\r\n\r\nok', 'Content-Length: 0\r\n\r\n', 'Transfer-Encoding: chunked\r\n\r\n']
      for (const end of ends) {
        const answer = Buffer.from(`HTTP/1.1 200 OK\r\n${lines.join('')}${end}`, 'latin1')
        const text = await exchange(site.port, request(`/raw/${answer.toString('base64url')}`), (seen) =>
          seen.includes(end.endsWith('ok') ? '\r\n\r\nok' : '\r\n\r\n'),
        )
        const seen = new Map(
          app.seen.at(-1)?.rawHeaders.map((name, index, all) => [name.toLowerCase(), all[index + 1]]),
        )
        for (const [name, value] of Object.entries(values)) {
          expect([end, name, seen.get(name.toLowerCase())]).toEqual([end, name, value])
          const arrived = new RegExp(`\\r\\n${name}: ([^\\r]*)\\r\\n`, 'i').exec(text)?.[1]
          expect([end, name, arrived]).toEqual([end, name, value])
        }
      }
    },
  },
  {
    name: 'two hundred headers pass both ways',
    async run(world) {
      const site = await world.serve([await world.app()])
      const many = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`x-${i}`, 'y']))
      expect((await site.ask({ headers: many })).json().headers['x-199']).toBe('y')
      expect((await site.ask('/headers/200')).headers['x-199']).toBe('y')
    },
  },
]
