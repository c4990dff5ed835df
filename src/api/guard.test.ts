import { request } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { createApi } from './api.ts'
import type { Door } from './guard.ts'
import { ownerToken } from './guard.ts'
import { openApiText } from './openapi-text.ts'
import { deployRequest } from './testing/deploy-request.ts'
import { MemoryEngine } from './testing/memory-engine.ts'
import { memoryUploads } from './testing/memory-uploads.ts'
import { servedApi, TOKEN } from './testing/served.ts'

type Served = Awaited<ReturnType<typeof servedApi>>
const open: Served[] = []
async function served(): Promise<Served> {
  const one = await servedApi()
  open.push(one)
  return one
}
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()))
})

/** Every route of the document, with something in each of its places. */
const routes = Object.entries(
  (JSON.parse(openApiText()) as { paths: Record<string, Record<string, unknown>> }).paths,
).flatMap(([path, methods]) =>
  Object.keys(methods).map((method) => ({
    name: `${method.toUpperCase()} ${path}`,
    method: method.toUpperCase(),
    path: `/api/v1${path.replaceAll(/\{\w+\}/g, 'x')}`,
  })),
)
/** What is asked for on the machine only. */
const ofTheMachine = ['POST /shutdown']

function statusOf(port: number, method: string, path: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port, method, path, headers }, (incoming) => {
      incoming.resume()
      resolve(incoming.statusCode ?? 0)
    })
    outgoing.on('error', reject)
    outgoing.end()
  })
}

test('the document names every route there is, and some', () => {
  expect(routes.length).toBeGreaterThan(15)
})

test.each(routes)('$name refuses who names no token, a wrong one, or another host', async ({ method, path }) => {
  const { server, engine } = await served()
  const right = { authorization: `Bearer ${TOKEN}` }
  const refusals = await Promise.all([
    statusOf(server.port, method, path, {}),
    statusOf(server.port, method, path, { authorization: 'Bearer sluice_wrong' }),
    statusOf(server.port, method, path, { authorization: `Basic ${TOKEN}` }),
    statusOf(server.port, method, path, { ...right, host: 'evil.example' }),
    statusOf(server.port, method, path, { ...right, origin: 'https://evil.example' }),
  ])
  expect(refusals).toEqual([401, 401, 401, 403, 403])
  expect(engine.actors).toEqual([])
})

test.each(['/readyz', '/healthz', '/api/v1/openapi.json', '/api/v1/nothing', '/nothing'])(
  'GET %s tells nothing to who names no token',
  async (path) => {
    const { server } = await served()
    expect(await statusOf(server.port, 'GET', path, {})).toBe(401)
  },
)

const publicDoor: Door = { kind: 'public', isNamed: (host) => host === 'deploy.example' }

test.each(routes)('$name is answered at the public door only if it is not about the machine', async (route) => {
  const stopped: boolean[] = []
  const api = createApi({
    engine: new MemoryEngine(),
    uploads: memoryUploads(),
    identify: ownerToken(TOKEN, 'root'),
    version: '1',
    log: { info: () => {}, warn: () => {}, error: () => {} },
    onShutdown: () => void stopped.push(true),
  })
  const call = async (headers: Record<string, string>) =>
    (await api.fetch(new Request(`http://deploy.example${route.path}`, { method: route.method, headers }), publicDoor))
      .status
  const authorization = `Bearer ${TOKEN}`
  expect(await call({ authorization, host: '127.0.0.1' })).toBe(403)
  expect(await call({ host: 'deploy.example:8443' })).toBe(ofTheMachine.includes(route.name) ? 403 : 401)
  const status = await call({ authorization, host: 'deploy.example:8443' })
  if (ofTheMachine.includes(route.name)) expect(status).toBe(403)
  else expect([401, 403]).not.toContain(status)
  expect(stopped).toEqual([])
})

test('the actor comes from the token; what the client calls its user stands beside it', async () => {
  const { client, call, engine } = await served()
  await client.deploy(deployRequest(), 'a')
  await call('/api/v1/environments/production/hold', {
    method: 'PUT',
    body: JSON.stringify({ mode: 'wait' }),
    headers: { 'x-sluice-label': encodeURIComponent('Zoë') },
  })
  const owner = { kind: 'owner', id: 'owner', name: 'owner' }
  expect(engine.actors).toEqual([
    { ...owner, label: null },
    { ...owner, label: 'Zoë' },
  ])
  for (const label of ['%', encodeURIComponent('a\nb'), 'x'.repeat(201)]) {
    const answer = await call('/api/v1/environments', { headers: { 'x-sluice-label': label } })
    expect(answer.status).toBe(400)
  }
})

test('a client that says who it is in the body is told that nobody asked', async () => {
  const { call } = await served()
  const body = JSON.stringify({ environment: 'production', by: 'somebody else' })
  const answer = await call('/api/v1/rollbacks', { method: 'POST', body })
  expect(await answer.json()).toMatchObject({ status: 400, problems: [{ path: 'by', message: 'is not known' }] })
})
