import pg from 'pg'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { SluiceError } from '../model/error.ts'
import { type DatabaseLock, lockDatabase } from './database-lock.ts'
import { type TemporaryDatabase, temporaryDatabase } from './testing/temporary-database.ts'

const LOCK = 7_203_412

let store: TemporaryDatabase
const held: DatabaseLock[] = []
const clients: pg.Client[] = []
beforeAll(async () => {
  store = await temporaryDatabase({ isMigrated: false })
})
afterEach(async () => {
  for (const lock of held.splice(0)) await lock.release()
  for (const client of clients.splice(0)) await client.end()
})
afterAll(() => store.remove())

async function lock(home: string) {
  const lines: string[] = []
  const taken: SluiceError[] = []
  const say = (line: string) => void lines.push(line)
  const mine = await lockDatabase({
    url: store.url,
    seat: { host: 'here', pid: 77, home, version: '1.2.3' },
    log: { info: say, warn: say, error: say },
    onTaken: (error) => taken.push(error),
  })
  held.push(mine)
  return { mine, lines, taken }
}

async function cutConnection(): Promise<void> {
  await store.pool.query(
    "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and objid = $1 and granted",
    [LOCK],
  )
}

test('a second control plane is refused, and told who holds the database', async () => {
  const { mine } = await lock('/srv/one')
  await expect(lock('/srv/two')).rejects.toMatchObject({
    code: 'DATABASE_IN_USE',
    exitCode: 3,
    message: expect.stringMatching(/process 77 on here for \/srv\/one, since 20\d\d-/),
    hint: expect.stringContaining('sluice down'),
    details: { host: 'here', pid: 77, home: '/srv/one' },
  })
  await mine.release()
  await lock('/srv/two')
})

test('a connection that is lost is made again, and nobody else gets in', async () => {
  const { lines, taken } = await lock('/srv/one')
  await cutConnection()
  await expect.poll(() => lines, { timeout: 40_000 }).toContain('the lock of the database is held again')
  await expect(lock('/srv/two')).rejects.toMatchObject({ code: 'DATABASE_IN_USE' })
  expect(taken).toEqual([])
})

test('one that lost the lock to another acts no more, and says so', async () => {
  const { taken } = await lock('/srv/one')
  // Stands in the queue for the lock, so that it gets it in the moment in which the connection is cut.
  const other = new pg.Client({ connectionString: store.url })
  clients.push(other)
  await other.connect()
  const waiting = other.query('select pg_advisory_lock($1)', [LOCK])
  await expect
    .poll(
      async () => (await store.pool.query('select 1 from pg_locks where objid = $1 and not granted', [LOCK])).rowCount,
      {
        timeout: 40_000,
      },
    )
    .toBe(1)
  await cutConnection()
  await waiting
  await other.query("update control_plane set signature = 'another', home = '/srv/other'")
  await expect.poll(() => taken.length, { timeout: 40_000 }).toBe(1)
  expect(taken[0]).toMatchObject({ code: 'DATABASE_IN_USE', exitCode: 3 })
})

test('one that finds that another was there in between acts no more either', async () => {
  const { taken } = await lock('/srv/one')
  await store.pool.query("update control_plane set signature = 'another', home = '/srv/other'")
  await cutConnection()
  await expect.poll(() => taken.length, { timeout: 40_000 }).toBe(1)
  expect(taken[0]?.message).toContain('/srv/other')
})
