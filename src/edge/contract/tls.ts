import { readFile } from 'node:fs/promises'
import { connect as connectHttp2, constants } from 'node:http2'
import { request } from 'node:https'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import { expect } from 'vitest'
import { WebSocket } from 'ws'
import { makeCertificate, replaceFile } from '../testing/certificate.ts'
import type { TestApp } from '../testing/test-app.ts'
import { until } from './until.ts'
import type { EdgeCase, Site, World } from './world.ts'

async function secureSite(
  world: World,
  { redirectToHttps = false, app }: { readonly redirectToHttps?: boolean; readonly app?: TestApp } = {},
): Promise<Site> {
  const folder = await world.folder()
  const certificates = [await makeCertificate(folder, 'one.example'), await makeCertificate(folder, 'two.example')]
  const https = await world.freePort()
  return world.serve([app ?? (await world.app())], {
    change: (table) => ({ ...table, certificates, listeners: { ...table.listeners, https, redirectToHttps } }),
  })
}

const httpsPort = (site: Site) => site.table.listeners.https ?? 0

function certificateOf(site: Site, servername?: string): Promise<{ subject: string; print: string }> {
  return new Promise((resolve, reject) => {
    const options = { port: httpsPort(site), host: '127.0.0.1', rejectUnauthorized: false }
    const socket: TLSSocket = connect(servername === undefined ? options : { ...options, servername }, () => {
      const { subject, fingerprint256 } = socket.getPeerCertificate()
      socket.destroy()
      resolve({ subject: String(subject.CN), print: fingerprint256 })
    })
    socket.on('error', reject)
  })
}

function askSecurely(site: Site, headers: Record<string, string> = {}) {
  return new Promise<{ status: number; cookie: string; body: string }>((resolve, reject) => {
    const options = {
      port: httpsPort(site),
      servername: 'one.example',
      rejectUnauthorized: false,
      headers,
      agent: false,
    }
    request(options, (response) => {
      let body = ''
      response.on('data', (chunk) => (body += chunk))
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, cookie: response.headers['set-cookie']?.[0] ?? '', body }),
      )
    })
      .on('error', reject)
      .end()
  })
}

export const tlsCases: readonly EdgeCase[] = [
  {
    name: 'each host gets its certificate, and who names none gets the first',
    async run(world) {
      const site = await secureSite(world)
      expect((await certificateOf(site, 'one.example')).subject).toBe('one.example')
      expect((await certificateOf(site, 'two.example')).subject).toBe('two.example')
      expect((await certificateOf(site)).subject).toBe('one.example')
    },
  },
  {
    name: 'over https the application and the cookie know that it is secure',
    async run(world) {
      const site = await secureSite(world)
      const { status, cookie, body } = await askSecurely(site, { accept: 'text/html' })
      expect(status).toBe(200)
      expect(cookie).toMatch(/; Secure$/)
      expect(JSON.parse(body).headers['x-forwarded-proto']).toBe('https')
    },
  },
  {
    name: 'http is redirected to https where the environment wants it',
    async run(world) {
      const site = await secureSite(world, { redirectToHttps: true })
      const { status, headers } = await site.ask({ path: '/a?b=c', headers: { host: 'one.example:8080' } })
      expect([301, 308]).toContain(status)
      expect(headers.location).toBe(`https://one.example:${httpsPort(site)}/a?b=c`)
      expect((await askSecurely(site)).status).toBe(200)
    },
  },
  {
    name: 'clients may speak HTTP/2: bodies, cookies and streams pass',
    async run(world) {
      const site = await secureSite(world)
      const session = connectHttp2(`https://127.0.0.1:${httpsPort(site)}`, {
        rejectUnauthorized: false,
        servername: 'one.example',
      })
      world.atEnd(async () => session.destroy())
      const ask = (headers: Record<string, string>, body?: Buffer) =>
        new Promise<{ status: number; headers: Record<string, unknown>; body: string }>((resolve, reject) => {
          const stream = session.request({ ':authority': 'one.example', ...headers })
          const answer = { status: 0, headers: {}, body: '' }
          stream.on('response', (seen) => Object.assign(answer, { status: seen[':status'], headers: seen }))
          stream.on('data', (chunk: Buffer) => (answer.body += chunk.toString()))
          stream.on('end', () => resolve(answer))
          stream.on('error', reject)
          stream.end(body)
        })
      const page = await ask({ ':path': '/x?y', accept: 'text/html' })
      expect(page.status).toBe(200)
      expect(JSON.parse(page.body)).toMatchObject({ url: '/x?y', headers: { host: 'one.example' } })
      expect(page.headers['set-cookie']).toHaveLength(1)
      const upload = await ask({ ':path': '/upload', ':method': 'POST' }, Buffer.alloc(2_000_000, 'x'))
      expect(JSON.parse(upload.body)).toMatchObject({ bytes: 2_000_000 })
      expect((await ask({ ':path': '/large/2000000' })).body.length).toBe(2_000_000)
      expect((await ask({ ':path': '/status/204' })).status).toBe(204)
      expect((await ask({ ':path': '/cookies' })).headers['set-cookie']).toEqual(['a=1; Path=/', 'b=2; Path=/'])
      const broken = await ask({ ':path': '/break' }).catch((error: unknown) => error)
      expect(broken).toBeInstanceOf(Error)
    },
  },
  {
    name: 'a client of HTTP/2 that goes away is gone for the application too',
    async run(world) {
      const app = await world.app()
      const site = await secureSite(world, { app })
      const session = connectHttp2(`https://127.0.0.1:${httpsPort(site)}`, { rejectUnauthorized: false })
      world.atEnd(async () => session.destroy())
      const open = (path: string) => {
        const stream = session.request({ ':path': path, ':authority': 'one.example' })
        stream.on('error', () => {})
        return stream
      }
      const waiting = open('/deaf')
      await until('the application has the request', () => app.seen.length === 1)
      waiting.close(constants.NGHTTP2_CANCEL)
      await until('the application sees the abort', () => app.aborted === 1)
      const events = open('/sse?every=20')
      await new Promise((resolve) => events.once('data', resolve))
      events.close(constants.NGHTTP2_CANCEL)
      await until('the application sees the second abort', () => app.aborted === 2)
    },
  },
  {
    name: 'an HTTP/2 connection that sends pings between requests is no unfinished request',
    async run(world) {
      const site = await secureSite(world)
      await site.apply({ limits: { ...site.table.limits, headersMs: 1000 } })
      const session = connectHttp2(`https://127.0.0.1:${httpsPort(site)}`, { rejectUnauthorized: false })
      world.atEnd(async () => session.destroy())
      let closed = false
      session.on('close', () => (closed = true))
      session.on('error', () => (closed = true))
      const ask = () =>
        new Promise((resolve, reject) => {
          const stream = session.request({ ':path': '/status/200', ':authority': 'one.example' })
          stream.on('response', (headers) => resolve(headers[':status']))
          stream.on('error', reject)
          stream.resume()
        })
      await ask()
      for (const begun = performance.now(); performance.now() - begun < 2500; ) {
        session.ping(() => {})
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
      const status = await ask()
      expect([status, closed]).toEqual([200, false])
    },
  },
  {
    name: 'WebSockets work over https',
    async run(world) {
      const site = await secureSite(world)
      const socket = new WebSocket(`wss://127.0.0.1:${httpsPort(site)}/ws`, {
        rejectUnauthorized: false,
      })
      const text = await new Promise<string>((resolve, reject) => {
        socket.on('open', () => socket.send('hello'))
        socket.on('message', (data: Buffer) => resolve(data.toString()))
        socket.on('error', reject)
      })
      expect(text).toBe('hello')
      socket.close()
    },
  },
  {
    name: 'a certificate whose files change is used without a restart',
    async run(world) {
      const site = await secureSite(world)
      const before = await certificateOf(site, 'one.example')
      const [files] = site.table.certificates
      const fresh = await makeCertificate(await world.folder(), 'one.example')
      await replaceFile(files?.keyFile ?? '', await readFile(fresh.keyFile))
      await replaceFile(files?.certFile ?? '', await readFile(fresh.certFile))
      await until('the new one is used', async () => (await certificateOf(site, 'one.example')).print !== before.print)
      expect((await certificateOf(site, 'two.example')).subject).toBe('two.example')
    },
  },
  {
    name: 'a table with a certificate that cannot be used is refused and changes nothing',
    async run(world) {
      const site = await secureSite(world)
      const folder = await world.folder()
      await replaceFile(join(folder, 'bad.crt'), 'nonsense')
      const bad = { host: 'bad.example', certFile: join(folder, 'bad.crt'), keyFile: join(folder, 'absent.key') }
      const refused = site.apply({ certificates: [...site.table.certificates, bad] })
      await expect(refused).rejects.toMatchObject({ code: 'CERTIFICATE_INVALID' })
      expect((await askSecurely(site)).status).toBe(200)
    },
  },
]
