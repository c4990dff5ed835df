import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { SluiceError } from '../model/error.ts'
import { openApiText } from './openapi-text.ts'
import { deploymentSchema } from './schemas/deployment.ts'
import { environmentSchema } from './schemas/environment.ts'
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

/** `fetch` does not let anyone lie about the host. */
function rawStatus(port: number, headers: Record<string, string>, path = '/api/v1/control'): Promise<number> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port, path, headers }, (incoming) => {
      incoming.resume()
      resolve(incoming.statusCode ?? 0)
    })
    outgoing.on('error', reject)
    outgoing.end()
  })
}

test('is alive without a token and tells nothing else', async () => {
  const { call } = await served()
  expect((await call('/livez', { headers: { authorization: '' } })).status).toBe(200)
  for (const authorization of ['', 'Bearer wrong', `Basic ${TOKEN}`]) {
    const refusedCall = await call('/api/v1/environments', { headers: { authorization } })
    expect(refusedCall.status).toBe(401)
    expect(refusedCall.headers.get('content-type')).toBe('application/problem+json')
    expect(await refusedCall.json()).toMatchObject({ code: 'UNAUTHORIZED', hint: expect.stringContaining('token') })
  }
  expect((await call('/readyz')).status).toBe(200)
})

test('talks only to callers that know that they call this machine', async () => {
  const { server } = await served()
  const authorization = `Bearer ${TOKEN}`
  expect(await rawStatus(server.port, { authorization, host: `localhost:${server.port}` })).toBe(200)
  expect(await rawStatus(server.port, { authorization, host: 'evil.example' })).toBe(403)
  expect(await rawStatus(server.port, { authorization, origin: 'https://evil.example' })).toBe(403)
  expect(await rawStatus(server.port, { authorization, origin: 'null' })).toBe(403)
  expect(await rawStatus(server.port, { authorization, origin: 'http://localhost:5173' })).toBe(200)
  expect(await rawStatus(server.port, { host: 'evil.example' }, '/livez')).toBe(403)
})

test('answers what is no JSON, too large or unknown with a problem', async () => {
  const { call } = await served()
  const broken = await call('/api/v1/deployments', { method: 'POST', body: '{"config": ' })
  expect(broken.status).toBe(400)
  expect(await broken.json()).toMatchObject({ code: 'USAGE', detail: 'the body of the request is not JSON' })
  const large = await call('/api/v1/deployments', { method: 'POST', body: ' '.repeat(2 * 1024 * 1024 + 1) })
  expect(await large.json()).toMatchObject({ code: 'USAGE', detail: expect.stringContaining('larger than') })
  const nothing = await call('/api/v1/nothing')
  expect(nothing.status).toBe(404)
  expect(await nothing.json()).toMatchObject({ code: 'NOT_FOUND' })
})

test('refuses a character that nothing of ours can hold, wherever it stands', async () => {
  const { call, client } = await served()
  const answer = await call('/api/v1/releases/%00')
  expect([answer.status, await answer.json()]).toEqual([400, expect.objectContaining({ code: 'USAGE' })])
  const reason = { environment: 'a', reason: 'a\0b' }
  await expect(client.rollback(reason, 'key')).rejects.toMatchObject({ code: 'USAGE' })
  await expect(client.environment('a\0')).rejects.toMatchObject({ code: 'USAGE' })
})

test('lists every problem of a request at once, and at most a hundred', async () => {
  const { call } = await served()
  const good = deployRequest()
  const variables = Object.fromEntries(Array.from({ length: 180 }, (_, index) => [`A${index}`, index]))
  const few = {
    ...good,
    project: 'Shop!',
    source: { ...good.source, directory: 'relative', config: '../x' },
    replace: 'no',
  }
  const many = { ...good, variables }
  const post = async (body: object) =>
    (await (await call('/api/v1/deployments', { method: 'POST', body: JSON.stringify(body) })).json()) as {
      detail: string
      problems: { path: string }[]
    }
  expect((await post(few)).problems.map(({ path }) => path)).toEqual([
    'project',
    'source.directory',
    'source.config',
    'replace',
  ])
  const answer = await post(many)
  expect(answer.problems).toHaveLength(100)
  expect(answer.detail).toContain('180 problems')
})

test('starts one deployment for one idempotency key', async () => {
  const { client, engine } = await served()
  const first = await client.deploy(deployRequest(), 'key-1')
  expect((await client.deploy(deployRequest(), 'key-1')).id).toBe(first.id)
  expect((await client.deploy(deployRequest(), 'key-2')).id).not.toBe(first.id)
  expect(engine.rows).toHaveLength(2)
  expect(deploymentSchema.parse(first)).toEqual(first)
})

test('pages by cursor, and refuses a cursor that is none', async () => {
  const { client } = await served()
  for (const key of ['a', 'b', 'c']) await client.deploy(deployRequest(), key)
  const page = await client.deployments({ limit: 2 })
  expect(page.items.map(({ id }) => id)).toEqual(['d3', 'd2'])
  const rest = await client.deployments({ limit: 2, environment: 'production', cursor: page.nextCursor ?? '' })
  expect(rest).toMatchObject({ items: [{ id: 'd1' }], nextCursor: null })
  await expect(client.deployments({ cursor: "'; drop" })).rejects.toMatchObject({ code: 'USAGE' })
  await expect(client.deployments({ limit: 1000 })).rejects.toMatchObject({ code: 'USAGE', exitCode: 2 })
})

test('lists in a summary leave out what takes long to find', async () => {
  const { client } = await served()
  const whole = await client.deploy(deployRequest(), 'a')
  const { urls: _u, steps: _s, verdict: _v, differences: _d, ...summary } = whole
  expect((await client.deploymentSummaries({ limit: 2, environment: 'production' })).items).toEqual([summary])
  const [environment] = await client.environmentSummaries()
  expect(environment).toMatchObject({ key: 'shop.production', deployment: summary })
  expect(environment).not.toHaveProperty('fleets')
  expect(environment?.deployment).not.toHaveProperty('steps')
  expect((await client.environments())[0]).toMatchObject({ fleets: [], deployment: { steps: [] } })
})

test('turns a problem back into the error that was thrown', async () => {
  const { client } = await served()
  const error = await client.environment('prod').catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(SluiceError)
  expect(error).toMatchObject({ code: 'ENVIRONMENT_UNKNOWN', hint: 'deploy it first', exitCode: 2 })
})

test('shows a bug of ours by an id, and logs the rest under it', async () => {
  const { call, engine, errors } = await served()
  engine.broken = new Error('password is hunter2')
  const answer = await call('/api/v1/deployments')
  const text = await answer.text()
  expect(answer.status).toBe(500)
  expect(text).not.toContain('hunter2')
  const id = /error ([0-9a-f]{8})/.exec(text)?.[1]
  expect(errors.join()).toContain(`unexpected error ${id}`)
  expect((await call('/readyz')).status).toBe(503)
})

test('sets, lists and removes secrets, and never shows a value', async () => {
  const { client, call } = await served()
  expect(await client.setSecret('shop.production', 'API_KEY', 'geheim')).toMatchObject({ name: 'API_KEY', version: 1 })
  expect(await client.secrets('shop.production')).toHaveLength(1)
  expect(await (await call('/api/v1/environments/shop.production/secrets')).text()).not.toContain('geheim')
  await client.removeSecret('shop.production', 'API_KEY')
  await expect(client.removeSecret('shop.production', 'API_KEY')).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

test('promotes what waits, as the actor that asked, and answers what is unknown then', async () => {
  const { client, engine } = await served()
  await client.deploy(deployRequest(), 'a')
  expect(await client.promote('production')).toMatchObject({ deployment: { id: 'd1' }, unknown: ['12 requests seen'] })
  expect(engine.actors.at(-1)).toMatchObject({ kind: 'owner' })
})

test('shows environments, holds them, checks a rollback and rolls back', async () => {
  const { client, engine } = await served()
  await client.deploy(deployRequest(), 'a')
  engine.finish('d1', 'succeeded')
  const environment = await client.environment('production')
  expect(environmentSchema.parse(environment)).toEqual(environment)
  expect(await client.environments()).toHaveLength(1)
  await client.hold('production', 'maintenance')
  expect(engine.held).toEqual([{ environment: 'production', mode: 'maintenance', service: undefined }])
  expect(await client.checkRollback('production')).toMatchObject({ possible: true, way: 'warm' })
  expect(await client.rollback({ environment: 'production' }, 'b')).toMatchObject({ kind: 'rollback' })
})

test('stops after it has answered, and says which process it is', async () => {
  const asked: boolean[] = []
  const { client } = await served({ onShutdown: (_actor, { all }) => void asked.push(all) })
  expect(await client.control()).toMatchObject({ pid: process.pid, version: '1.2.3' })
  await client.shutdown(true)
  await expect.poll(() => asked).toEqual([true])
})

test('the committed OpenAPI document is the one of the routes', () => {
  expect(readFileSync(join(import.meta.dirname, 'openapi.json'), 'utf8')).toBe(openApiText())
})
