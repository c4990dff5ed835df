import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { memoryHosts } from '../databases/testing/memory-hosts.ts'
import type { ReleaseDatabase } from '../model/release.ts'
import { ada } from '../model/testing/ada.ts'
import { openSecretBox } from '../secrets/secret-box.ts'
import { getRelease } from '../store/releases.ts'
import { environmentDatabases } from './database-urls.ts'
import type { Deployment } from './engine.ts'
import { scriptedJudge } from './testing/scripted-judge.ts'
import { type TestEngine, testEngine } from './testing/test-engine.ts'

let engine: TestEngine
beforeAll(async () => {
  engine = await testEngine({ judge: scriptedJudge() })
})
beforeEach(() => engine.renew())
afterAll(() => engine?.remove())

const database: ReleaseDatabase = {
  engine: 'postgres',
  url: { secret: 'SHOP_DB' },
  release: 'test "$DATABASE_URL" = "$SHOP_DB"',
}
const secret = (value: string) => engine.parts.engine.secrets.set(ada, engine.key(), 'SHOP_DB', value)

async function deploy(): Promise<Deployment> {
  const request = engine.order()
  const { id } = await engine.start({
    ...request,
    config: { ...request.config, database },
  })
  return engine.finished(id)
}

test('a database URL may be a secret: each release has the version that it was made with', async () => {
  await secret('postgres://app:first@db.example/shop')
  const first = await deploy()
  expect(first.state, JSON.stringify(first.reason)).toBe('succeeded')
  await secret('postgres://app:second@db.example/shop')
  const second = await deploy()
  expect(second.state, JSON.stringify(second.reason)).toBe('succeeded')

  const box = await openSecretBox(join(engine.directory, 'secrets'))
  const databases = environmentDatabases(memoryHosts(), { database: engine.store.database, secrets: box })
  const url = async ({ release }: Deployment) => {
    const { record } = await getRelease(engine.store.database, release ?? '')
    expect(record.database?.url).toEqual({ secret: 'SHOP_DB' })
    return databases.urlFor(record, AbortSignal.timeout(10_000))
  }
  expect(await url(first)).toBe('postgres://app:first@db.example/shop')
  expect(await url(second)).toBe('postgres://app:second@db.example/shop')
})

test('a secret that is not there ends the deployment before anything is built or launched, with the command that sets it', async () => {
  const deployment = await deploy()
  expect(deployment).toMatchObject({ state: 'failed', release: null, reason: { code: 'SECRET_MISSING' } })
  expect(deployment.reason?.hint).toContain(`sluice secret set ${engine.key()} SHOP_DB`)
  expect(engine.target.fleetsOf(engine.key())).toEqual([])
})

test('a secret that is no URL ends it before launch and is not shown', async () => {
  await secret('app:hunter2@db.example/shop')
  const deployment = await deploy()
  expect(deployment).toMatchObject({ state: 'failed', reason: { code: 'DATABASE_URL_INVALID' } })
  expect(deployment.reason?.message).toContain('the secret SHOP_DB')
  expect(JSON.stringify(deployment)).not.toContain('hunter2')
  expect(engine.target.fleetsOf(engine.key())).toEqual([])
})
