import { afterAll, beforeAll, expect, test } from 'vitest'
import { getEnvironment, rememberHold } from './environments.ts'
import { migrate } from './migrate.ts'
import { type TemporaryDatabase, temporaryDatabase } from './testing/temporary-database.ts'

let store: TemporaryDatabase
beforeAll(async () => {
  store = await temporaryDatabase({ isMigrated: false })
}, 60_000)
afterAll(() => store?.remove())

test('what the version before held stays held, and from then on each service for itself', async () => {
  await migrate(store.pool, { upTo: 2 })
  await store.pool.query(`insert into environments (key, project, name, preview_key, hold) values
    ('s.held', 's', 'held', 'k', 'maintenance'), ('s.free', 's', 'free', 'k', 'off')`)
  await migrate(store.pool)
  const holds = async (key: string) => (await getEnvironment(store.database, key)).holds
  expect(await holds('s.held')).toEqual([{ mode: 'maintenance' }])
  expect(await holds('s.free')).toEqual([])

  await store.database.transaction().execute(async (transaction) => {
    await rememberHold(transaction, 's.free', { service: 'web', mode: 'wait' })
    await rememberHold(transaction, 's.free', { service: 'api', mode: 'maintenance' })
    await rememberHold(transaction, 's.free', { service: 'web', mode: 'off' })
    await rememberHold(transaction, 's.held', { service: 'web', mode: 'off' })
  })
  expect(await holds('s.free')).toEqual([{ service: 'api', mode: 'maintenance' }])
  expect(await holds('s.held')).toEqual([{ mode: 'maintenance' }, { service: 'web', mode: 'off' }])
})
