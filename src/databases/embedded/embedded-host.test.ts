import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { postgresCluster } from '../../postgres/postgres-cluster.ts'
import { livePostmaster } from '../../postgres/postmaster.ts'
import { writeFileAtomic } from '../../support/atomic-file.ts'
import { silentLog } from '../../support/log.ts'
import { rowsOf, testDatabaseHost } from '../database-host.contract.ts'
import type { DatabaseHost } from '../database-host.ts'
import { embeddedHost } from './embedded-host.ts'
import { generationsIn } from './generations.ts'

const MS = 60_000
const options = () => ({ signal: AbortSignal.timeout(MS), deadlineMs: MS })

async function temporaryFolder(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-databases-'))
  await chmod(directory, 0o755)
  return directory
}

testDatabaseHost({
  name: 'embedded',
  create: async () => {
    const directory = await temporaryFolder()
    const environments = ['shop.production', 'shop.staging'] as const
    const hosts: DatabaseHost[] = []
    return {
      host: () => {
        const host = embeddedHost({ directory, log: silentLog })
        hosts.push(host)
        return host
      },
      environments,
      pidOf: (environment) => livePostmaster(join(directory, environment, 'g1', 'data'))?.identity.pid ?? null,
      async remove() {
        // Each watches what it started.
        for (const host of hosts) {
          for (const environment of environments) await host.stop?.(environment, { deadlineMs: MS })
        }
        await rm(directory, { recursive: true, force: true })
      },
    }
  },
})

describe('generations', () => {
  let directory: string
  let host: DatabaseHost
  const environment = 'shop.production'
  beforeEach(async () => {
    directory = await temporaryFolder()
    host = embeddedHost({ directory, log: silentLog })
  })
  afterEach(async () => {
    await host.stop?.(environment, { deadlineMs: MS })
    await rm(directory, { recursive: true, force: true })
  })

  test('a switch leads to the other cluster at once, and the one before is still there to go back to', async () => {
    const generations = generationsIn(join(directory, environment))
    const first = await host.ensure(environment, options())
    await rowsOf(first.url, 'create table which as select 1 as generation')

    const beside = await generations.add()
    expect(await host.ensure(environment, options())).toEqual(first)
    await generations.switchTo(beside.number)
    const second = await host.ensure(environment, options())
    expect(new URL(second.url).password).toBe(new URL(first.url).password)
    expect(new URL(second.url).port).not.toBe(new URL(first.url).port)
    await rowsOf(second.url, 'create table which as select 2 as generation')
    expect(await host.inspect(environment, options())).toMatchObject({ answers: true, generation: 2 })
    // Applications that were given the old address are served until they are replaced.
    expect(await rowsOf(first.url, 'select generation from which')).toEqual([{ generation: 1 }])

    await generations.switchTo(1)
    expect(await host.ensure(environment, options())).toEqual(first)
    expect((await generations.list()).map(({ number }) => number)).toEqual([1, 2])
    await host.stop?.(environment, { deadlineMs: MS })
    for (const { directory: folder } of await generations.list())
      expect(livePostmaster(join(folder, 'data'))).toBeNull()
  })

  test('the cluster of a version without generations is the first one, where it lies, while it runs', async () => {
    const folder = join(directory, environment)
    const before = postgresCluster({ directory: folder, log: () => {} })
    await before.start(options())
    const password = 'from-before'
    await writeFileAtomic(join(folder, 'app-password'), password, { mode: 0o600 })
    const { url } = await before.ensureDatabase({ database: 'app', role: 'app', password })
    await rowsOf(url, 'create table kept as select 7 as id')
    const pid = before.pid()

    expect(await host.inspect(environment, options())).toMatchObject({ answers: true, generation: 1 })
    expect(existsSync(join(folder, 'generations.json'))).toBe(false)
    expect(await host.ensure(environment, options())).toEqual({ url })
    expect(before.pid()).toBe(pid)
    expect(await rowsOf(url, 'select id from kept')).toEqual([{ id: 7 }])
    expect(await readdir(folder)).not.toContain('g1')

    const next = await generationsIn(folder).add()
    expect(next).toMatchObject({ number: 2, directory: join(folder, 'g2') })
    expect((await generationsIn(folder).list())[0]?.directory).toBe(folder)
  })

  test('what says which cluster serves is never guessed when it is damaged', async () => {
    const folder = join(directory, environment)
    await mkdir(folder, { recursive: true })
    await writeFileAtomic(join(folder, 'generations.json'), '{"current":')
    await expect(host.ensure(environment, options())).rejects.toThrow(/which cluster of the database serves/)
    expect(await readFile(join(folder, 'generations.json'), 'utf8')).toBe('{"current":')
    await writeFileAtomic(join(folder, 'generations.json'), '{"current": 3, "generations": []}')
    await expect(host.ensure(environment, options())).rejects.toThrow(/no generation 3/)
    await rm(folder, { recursive: true })
  })
})
