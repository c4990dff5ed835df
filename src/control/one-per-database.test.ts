import { access, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TemporaryDatabase, temporaryDatabase } from '../store/testing/temporary-database.ts'
import { homeAt } from '../support/home.ts'
import { isAlive } from '../support/process-identity.ts'
import { type ControlRecord, clientFor, ensureControlPlane } from './start.ts'

let store: TemporaryDatabase
let folder: string
const living: { readonly home: string; readonly record: ControlRecord }[] = []
beforeAll(async () => {
  store = await temporaryDatabase({ isMigrated: false })
  folder = await mkdtemp(join(tmpdir(), 'sluice-shared-'))
})
afterAll(async () => {
  for (const { home, record } of living) await end(home, record)
  await store.remove()
  await rm(folder, { recursive: true, force: true })
}, 120_000)

async function start(name: string): Promise<ControlRecord> {
  const homeRoot = join(folder, name)
  const environment = { PATH: process.env.PATH, DATABASE_URL: store.url }
  const record = await ensureControlPlane({ homeRoot, execPath: process.execPath, environment, edge: 'node' })
  living.push({ home: homeRoot, record })
  return record
}

async function end(home: string, record: ControlRecord): Promise<void> {
  const client = await clientFor(homeAt(home), record, 'test', null)
  await client.shutdown(true).catch(() => {}) // ended already
  client.close()
  while (isAlive(record)) await sleep(50)
}

test('a second control plane on one database says who has it and starts nothing, until that one ends', async () => {
  const first = await start('one')
  await expect(start('two')).rejects.toMatchObject({
    code: 'DATABASE_IN_USE',
    exitCode: 3,
    message: expect.stringContaining(`process ${first.pid} on `),
    details: { home: join(folder, 'one'), pid: first.pid },
  })
  const edgeOfSecond = access(homeAt(join(folder, 'two')).edge)
  await expect(edgeOfSecond, 'no edge was started').rejects.toThrow('ENOENT')
  await end(join(folder, 'one'), first)
  const second = await start('two')
  expect(second.pid).not.toBe(first.pid)
}, 240_000)
