import { connect } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import type { Event } from '../model/event.ts'
import { ApiClient } from './client.ts'
import { pulledStream } from './pulled-stream.ts'
import { deployRequest } from './testing/deploy-request.ts'
import { servedApi, TOKEN } from './testing/served.ts'

type Served = Awaited<ReturnType<typeof servedApi>>
const open: Served[] = []
async function served(options: Parameters<typeof servedApi>[0] = {}): Promise<Served> {
  const one = await servedApi(options)
  open.push(one)
  return one
}
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()))
})

const step = (name: string) =>
  ({ type: 'deployment.step', deployment: 'd1', environment: 'shop.production', data: { name } }) as const

test('greets a reader at once, replays what it missed, goes on live and ends with the outcome', async () => {
  const { client, engine } = await served()
  await client.deploy(deployRequest(), 'a')
  engine.tell(step('prepare'))
  const seen: string[] = []
  for await (const followed of client.follow('d1', AbortSignal.timeout(20_000))) {
    if (followed.kind === 'end') {
      seen.push(`end ${followed.deployment.state}`)
      continue
    }
    seen.push(`${followed.event.sequence} ${followed.event.type}`)
    if (followed.event.sequence === 2) {
      engine.tell(step('launch'))
      engine.finish('d1', 'succeeded')
    }
  }
  expect(seen).toEqual([
    '1 deployment.created',
    '2 deployment.step',
    '3 deployment.step',
    '4 deployment.finished',
    'end succeeded',
  ])
})

test('sends a sign of life while nothing happens, with headers that stop anyone from holding it back', async () => {
  const { call } = await served({ pingMs: 20 })
  const response = await call('/api/v1/events')
  expect(response.headers.get('content-type')).toBe('text/event-stream')
  expect(response.headers.get('cache-control')).toBe('no-cache, no-transform')
  expect(response.headers.get('x-accel-buffering')).toBe('no')
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  while (!text.includes(': ping')) text += (await reader?.read())?.value ?? ''
  expect(text.startsWith(': connected\n\n')).toBe(true)
  await reader?.cancel()
})

test('resumes after the event that the reader names', async () => {
  const { client, engine, call } = await served()
  await client.deploy(deployRequest(), 'a')
  engine.tell(step('prepare'))
  engine.finish('d1', 'failed')
  const response = await call('/api/v1/events?deployment=d1&after=0', { headers: { 'last-event-id': '2' } })
  const text = await response.text()
  expect([...text.matchAll(/^id: (\d+)$/gm)].map((match) => match[1])).toEqual(['3'])
  expect(text).toContain('event: end')
})

test('tells a reader who asks for what comes nothing of what was', async () => {
  const { call, client, engine } = await served()
  await client.deploy(deployRequest(), 'a')
  engine.tell(step('before'))
  const response = await call('/api/v1/events?after=now')
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  while (!text.includes('data:')) {
    engine.tell(step('after'))
    text += (await reader?.read())?.value ?? ''
  }
  expect(text).toContain('"name":"after"')
  expect(text).not.toContain('before')
  await reader?.cancel()
  expect((await call('/api/v1/events?after=yesterday')).status).toBe(400)
})

test('ends the stream of a deployment that is over for readers who have seen everything', async () => {
  const { client, engine } = await served({ pingMs: 50 })
  await client.deploy(deployRequest(), 'a')
  engine.finish('d1', 'rolled-back')
  const kinds: string[] = []
  for await (const { kind } of client.follow('d1', AbortSignal.timeout(20_000), 99)) kinds.push(kind)
  expect(kinds).toEqual(['end'])
})

test('a client follows across a control plane that dies and comes back elsewhere', async () => {
  const first = await served()
  await first.client.deploy(deployRequest(), 'a')
  first.engine.tell(step('prepare'))
  let second: Served | null = null
  const client = new ApiClient({
    address: { url: `http://127.0.0.1:${first.server.port}`, token: TOKEN },
    reconnect: async () => {
      second ??= await served()
      return { url: `http://127.0.0.1:${second.server.port}`, token: TOKEN }
    },
  })
  const seen: string[] = []
  for await (const followed of client.follow('d1', AbortSignal.timeout(30_000))) {
    if (followed.kind === 'end') {
      seen.push(followed.deployment.state)
      continue
    }
    seen.push(String(followed.event.sequence))
    if (followed.event.sequence === 2) {
      second = await served()
      second.engine.rows.push(...first.engine.rows)
      second.engine.log.push(...first.engine.log)
      await first.server.close()
      second.engine.finish('d1', 'succeeded')
    }
  }
  client.close()
  expect(seen).toEqual(['1', '2', '3', 'succeeded'])
})

test('an unknown deployment is refused before the stream begins', async () => {
  const { call } = await served()
  const response = await call('/api/v1/events?deployment=d9')
  expect(response.status).toBe(404)
  expect(await response.json()).toMatchObject({ code: 'DEPLOYMENT_UNKNOWN' })
})

test('a slow reader is never read ahead for more than a few events, and blocks nobody', async () => {
  const { client, engine, server } = await served()
  await client.deploy(deployRequest(), 'a')
  const filler = 'x'.repeat(50_000)
  for (let i = 0; i < 2000; i++) engine.tell(step(filler))
  const head = `GET /api/v1/events?deployment=d1 HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${TOKEN}\r\n\r\n`
  const socket = connect(server.port, '127.0.0.1', () => void socket.write(head))
  await new Promise((resolve) => socket.once('readable', resolve)) // and nothing is read from it
  expect((await client.deployment('d1')).id).toBe('d1')
  const events: Event[] = []
  for await (const followed of client.follow('d1', AbortSignal.timeout(30_000), 1995)) {
    if (followed.kind === 'event') events.push(followed.event)
    if (events.length === 6) break
  }
  expect(events.at(-1)?.sequence).toBe(2001)
  socket.destroy()
})

test('a reader that takes nothing is let go, and the source is told', async () => {
  let made = 0
  let stopped = false
  async function* endless(signal: AbortSignal): AsyncGenerator<string> {
    signal.addEventListener('abort', () => {
      stopped = true
    })
    while (!signal.aborted) yield String(made++)
  }
  const stream = pulledStream(endless, {
    signal: new AbortController().signal,
    hello: 'hello',
    ping: 'ping',
    pingMs: 10,
    stallMs: 30,
    onError: () => 'error',
  })
  await expect.poll(() => stopped).toBe(true)
  expect(made).toBeLessThanOrEqual(16)
  await expect(stream.getReader().read()).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
})

test('logs come as ndjson for programs and as events for browsers', async () => {
  const { client, engine, call } = await served()
  await client.deploy(deployRequest(), 'a')
  engine.lines.push({ instance: 'r1-web-1', service: 'web', release: 'r1', line: 'hello' })
  const query = { environment: 'production', tail: 10, follow: false, signal: AbortSignal.timeout(20_000) }
  const lines = []
  for await (const line of client.logs(query)) lines.push(line)
  expect(lines).toEqual(engine.lines)
  const events = await call('/api/v1/environments/production/logs', { headers: { accept: 'text/event-stream' } })
  expect(await events.text()).toContain('data: {"instance":"r1-web-1"')
  const follow = client.logs({ ...query, follow: true })
  expect((await follow.next()).value).toEqual(engine.lines[0])
  await follow.return(undefined)
})
