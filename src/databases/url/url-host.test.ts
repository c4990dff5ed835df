import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { postgresCluster } from '../../postgres/postgres-cluster.ts'
import { testDatabaseHost } from '../database-host.contract.ts'
import { urlHost } from './url-host.ts'

const MS = 60_000
const naming = { name: 'database.url', hint: 'write it otherwise' }

testDatabaseHost({
  name: 'given',
  create: async () => {
    const directory = await mkdtemp(join(tmpdir(), 'sluice-given-'))
    await chmod(directory, 0o755)
    const cluster = postgresCluster({ directory, log: () => {} })
    await cluster.start({ signal: AbortSignal.timeout(MS), deadlineMs: MS })
    const wanted = { database: 'shop', role: 'shop', password: 'p@ss/word of ours' }
    const { url } = await cluster.ensureDatabase(wanted)
    return {
      host: () => urlHost({ url, ...naming }),
      environments: ['shop.production', 'shop.staging'],
      pidOf: () => cluster.pid(),
      async remove() {
        await cluster.stop({ mode: 'fast', deadlineMs: MS })
        await rm(directory, { recursive: true, force: true })
      },
    }
  },
  skip: [
    {
      cases: ['a look at what was never made makes nothing, and says so'],
      reason: 'the server is there before us',
    },
    {
      cases: ['the application has a plain role', 'another environment has a database of its own'],
      reason: 'role and database are those that its owner wrote into the address',
    },
    {
      cases: [
        'a server that was killed is brought back with every commit, at the same address',
        'a stopped one is seen as stopped, and comes back with its data at the same address',
      ],
      reason: 'its owner starts and stops it',
    },
  ],
})

test.each([
  ['postgres://app:hunter2@db.example', 'database.url names no database'],
  ['http://app:hunter2@db.example/shop', 'database.url does not begin with postgres://'],
  ['app:hunter2@db.example/shop', 'database.url does not begin with postgres://'],
  ['hunter2', 'database.url is not a URL'],
])('an address that is none is refused without being shown (%#)', async (url, message) => {
  const host = urlHost({ url, ...naming })
  const options = { signal: AbortSignal.timeout(MS), deadlineMs: MS }
  await expect(host.ensure('e', options)).rejects.toMatchObject({
    code: 'DATABASE_URL_INVALID',
    message,
    hint: naming.hint,
  })
})
