import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { isAlive, type ProcessIdentity } from '../src/support/process-identity.ts'
import { type Installation, installation, must } from './support/installation.ts'

let place: Installation
beforeAll(async () => {
  const api = { kind: 'web', start: 'node app.mjs', health: '/health', instances: 1, routes: [{ path: '/api' }] }
  place = await installation({ environments: { e: 'rolling' }, instances: 1, services: { api } })
  must(await place.sluice('deploy', 'e'), 'succeeded')
}, 90_000)
afterAll(() => place?.remove(), 60_000)

const held = async () => {
  const { document } = await place.sluice('status', 'e')
  return (document.environments as { holds: unknown }[])[0]?.holds
}
const ask = (path: string) => fetch(`http://127.0.0.1:${place.ports.e}${path}`)
const seen = async () => {
  const [web, api] = await Promise.all([ask('/'), ask('/api')])
  return { web: web.headers.get('x-sluice-error') ?? web.status, api: api.headers.get('x-sluice-error') ?? api.status }
}

async function kill(file: string): Promise<void> {
  const identity = JSON.parse(await readFile(join(place.home, file), 'utf8')) as ProcessIdentity
  process.kill(identity.pid, 'SIGKILL')
  while (isAlive(identity)) await sleep(20)
}

test('a hold of one service is a hold of that one alone, also when the control plane comes back', async () => {
  const maintenance = (...more: string[]) => place.sluice('env', 'maintenance', 'e', ...more)
  must(await maintenance('--service', 'api'), 'ok')
  expect(await seen()).toEqual({ web: 200, api: 'MAINTENANCE' })
  await kill('control/control.json')
  must(await place.sluice('up'), 'running')
  expect(await held()).toEqual([{ service: 'api', mode: 'maintenance' }])
  // What is wrong comes with the reconciliation, a moment after the start.
  for (let look = 0; look < 20; look++) {
    expect(await seen()).toEqual({ web: 200, api: 'MAINTENANCE' })
    await sleep(100)
  }

  must(await maintenance('--service', 'web'), 'ok')
  must(await maintenance('--service', 'api', '--off'), 'ok')
  expect(await seen()).toEqual({ web: 'MAINTENANCE', api: 200 })
  must(await maintenance(), 'ok')
  must(await maintenance('--service', 'web', '--off'), 'ok')
  expect(await seen()).toEqual({ web: 200, api: 'MAINTENANCE' })
  await kill('control/control.json')
  must(await place.sluice('up'), 'running')
  for (let look = 0; look < 20; look++) {
    expect(await seen()).toEqual({ web: 200, api: 'MAINTENANCE' })
    await sleep(100)
  }
  must(await maintenance('--off'), 'ok')
  expect(await seen()).toEqual({ web: 200, api: 200 })
  expect(await held()).toEqual([])

  const unknown = await maintenance('--service', 'docs')
  expect(unknown.document).toMatchObject({ code: 'NOT_FOUND', hint: 'it serves web, api' })
}, 120_000)
