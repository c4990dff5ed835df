import { afterAll, beforeAll, expect, test } from 'vitest'
import { findDeployment } from './deployments.ts'
import { migrate } from './migrate.ts'
import { getRelease } from './releases.ts'
import { type TemporaryDatabase, temporaryDatabase } from './testing/temporary-database.ts'

let store: TemporaryDatabase
beforeAll(async () => {
  store = await temporaryDatabase({ isMigrated: false })
}, 60_000)
afterAll(() => store?.remove())

test('a database of before waits for nothing, knows no schema, and its open question has the answers that it had', async () => {
  const old = await store.another()
  await migrate(old.pool, { upTo: 1 })
  await old.pool.query(
    "insert into environments (key, project, name, preview_key) values ('shop.production', 'shop', 'production', 'k')",
  )
  await old.pool.query(
    "insert into releases (id, environment, deployment, record, state) values ('r1', 'shop.production', 'd1', '{\"id\": \"r1\"}', 'serving')",
  )
  const deadline = '2026-01-01T00:00:00.000Z'
  await old.pool.query(
    "insert into deployments (id, number, kind, environment, state, strategy, request, requested_by, question) values ('d1', 1, 'deploy', 'shop.production', 'shifting', 'canary', '{}', 'ada', $1)",
    [{ text: 'undecided', deadline }],
  )
  await migrate(old.pool)
  expect((await getRelease(old.database, 'r1')).record.schema).toBeNull()
  expect(await findDeployment(old.database, 'd1')).toMatchObject({
    waiting: null,
    question: { text: 'undecided', deadline, options: ['promote', 'roll-back'], who: null },
  })
})
