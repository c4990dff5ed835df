import { afterAll, beforeAll, expect, test } from 'vitest'
import { getEnvironment } from './environments.ts'
import { migrate } from './migrate.ts'
import { getRelease } from './releases.ts'
import { type TemporaryDatabase, temporaryDatabase } from './testing/temporary-database.ts'

let store: TemporaryDatabase
beforeAll(async () => {
  store = await temporaryDatabase()
})
afterAll(() => store.remove())

test('a database of before knows afterwards where its environments run, its releases and what is still to be released', async () => {
  const old = await store.another()
  await migrate(old.pool, { upTo: 1 })
  const edge = { httpPort: 8080, limits: { holdMs: 1 }, keepAssetsOfReleases: 5 }
  const record = { id: 'r1', environment: 'shop.production', services: [], edge }
  const request = { kind: 'deploy', request: { config: { project: 'shop', target: 'local', edge }, by: 'ada' } }
  await old.pool.query(
    "insert into environments (key, project, name, preview_key, release) values ('shop.production', 'shop', 'production', 'k', 'r1'), ('shop.new', 'shop', 'new', 'k', null)",
  )
  await old.pool.query(
    "insert into releases (id, environment, deployment, record, state) values ('r1', 'shop.production', 'd1', $1, 'serving')",
    [record],
  )
  await old.pool.query(
    "insert into deployments (id, number, kind, environment, state, strategy, request, requested_by) values ('d2', 2, 'deploy', 'shop.production', 'queued', 'rolling', $1, 'ada')",
    [request],
  )
  await migrate(old.pool, { upTo: 4 })
  const place = { name: 'local', settings: { edge: { httpPort: 8080, limits: { holdMs: 1 } } } }
  expect((await getRelease(old.database, 'r1')).record).toEqual({
    id: 'r1',
    environment: 'shop.production',
    services: [],
    target: place,
    keepAssetsOfReleases: 5,
  })
  expect((await getEnvironment(old.database, 'shop.production')).target).toMatchObject({ name: 'local' })
  expect((await getEnvironment(old.database, 'shop.new')).target).toBeNull()
  const { rows } = await old.pool.query("select request from activities where id = 'd2'")
  expect(rows[0]?.request.request).toEqual({
    config: { project: 'shop', target: place, keepAssetsOfReleases: 5 },
    by: 'ada',
  })
})
