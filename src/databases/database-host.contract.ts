import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { masker } from '../secrets/mask.ts'
import type { DatabaseHost } from './database-host.ts'

/** A place where a host is tried: real servers, real files. */
export interface HostWorld {
  /** A host as a control plane makes it at its start, each time anew over what is there. */
  host(): DatabaseHost
  /** Names of two environments of which the host knows nothing yet. */
  readonly environments: readonly [string, string]
  /** Process of the server behind the environment's database; null: none lives. */
  pidOf(environment: string): number | null
  remove(): Promise<void>
}

export interface HostSuite {
  readonly name: string
  readonly create: () => Promise<HostWorld>
  /** Cases that this host cannot keep, by their names, with the reason. */
  readonly skip?: readonly { readonly cases: readonly string[]; readonly reason: string }[]
}

interface HostCase {
  readonly name: string
  run(this: void, world: HostWorld): Promise<void>
}

const DEADLINE_MS = 60_000

function options() {
  return { signal: AbortSignal.timeout(DEADLINE_MS), deadlineMs: DEADLINE_MS }
}

export async function rowsOf<Row extends object>(url: string, sql: string): Promise<readonly Row[]> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: DEADLINE_MS })
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query<Row>(sql)).rows
  } finally {
    await client.end().catch(() => {})
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20))
}

async function killServer(world: HostWorld, environment: string): Promise<void> {
  const pid = world.pidOf(environment)
  if (pid === null) throw new Error('no server lives')
  process.kill(pid, 'SIGKILL')
  await until(() => world.pidOf(environment) !== pid)
}

/** In the order in which they run: later ones find what earlier ones left. */
const cases: readonly HostCase[] = [
  {
    name: 'a look at what was never made makes nothing, and says so',
    async run(world) {
      const [environment] = world.environments
      const state = await world.host().inspect(environment, options())
      expect(state).toMatchObject({ answers: false, serverVersion: null, sizeBytes: null })
      expect(state.problem).toMatch(/./)
      expect(world.pidOf(environment)).toBeNull()
    },
  },
  {
    name: 'the address takes an application’s connection, and its tables',
    async run(world) {
      const [environment] = world.environments
      const { url } = await world.host().ensure(environment, options())
      await rowsOf(url, 'create table kept (id int primary key, text text)')
      await rowsOf(url, `insert into kept values (1, 'one')`)
      expect(await rowsOf(url, 'select text from kept')).toEqual([{ text: 'one' }])
    },
  },
  {
    name: 'asked again, and many times at once, it is the same database at the same address',
    async run(world) {
      const [environment] = world.environments
      const host = world.host()
      const asked = await Promise.all(Array.from({ length: 5 }, () => host.ensure(environment, options())))
      const again = await host.ensure(environment, options())
      expect(new Set([...asked, again].map(({ url }) => url)).size).toBe(1)
      expect(await rowsOf(again.url, 'select text from kept')).toEqual([{ text: 'one' }])
    },
  },
  {
    name: 'its credentials are what has to be masked of the address',
    async run(world) {
      const [environment] = world.environments
      const host = world.host()
      const { url } = await host.ensure(environment, options())
      const credentials = await host.credentials(environment)
      expect(credentials).toContain(decodeURIComponent(new URL(url).password))
      expect(masker(credentials)(`${url} ${decodeURIComponent(new URL(url).password)}`)).not.toContain('ss/word')
    },
  },
  {
    name: 'a look at one that answers tells version and size',
    async run(world) {
      const [environment] = world.environments
      const state = await world.host().inspect(environment, options())
      expect(state).toMatchObject({ answers: true, problem: null })
      expect(Number.parseInt(state.serverVersion ?? '', 10)).toBeGreaterThanOrEqual(15)
      expect(state.sizeBytes).toBeGreaterThan(0)
    },
  },
  {
    name: 'the application has a plain role',
    async run(world) {
      const { url } = await world.host().ensure(world.environments[0], options())
      const [role] = await rowsOf(url, 'select rolsuper, rolcreaterole from pg_roles where rolname = current_user')
      expect(role).toEqual({ rolsuper: false, rolcreaterole: false })
    },
  },
  {
    name: 'another environment has a database of its own',
    async run(world) {
      const [first, second] = world.environments
      const host = world.host()
      const [one, two] = [await host.ensure(first, options()), await host.ensure(second, options())]
      expect(two.url).not.toBe(one.url)
      await expect(rowsOf(two.url, 'select * from kept')).rejects.toThrow(/does not exist/)
    },
  },
  {
    name: 'a host made anew adopts the server that runs',
    async run(world) {
      const [environment] = world.environments
      const before = { ...(await world.host().ensure(environment, options())), pid: world.pidOf(environment) }
      const after = { ...(await world.host().ensure(environment, options())), pid: world.pidOf(environment) }
      expect(after).toEqual(before)
      expect(await rowsOf(after.url, 'select text from kept')).toEqual([{ text: 'one' }])
    },
  },
  {
    name: 'a server that was killed is brought back with every commit, at the same address',
    async run(world) {
      const [environment] = world.environments
      const host = world.host()
      const { url } = await host.ensure(environment, options())
      await rowsOf(url, 'create table many as select generate_series(1, 5000) as id')
      await killServer(world, environment)
      expect(await host.ensure(environment, options())).toEqual({ url })
      expect(await rowsOf(url, 'select count(*)::int as rows from many')).toEqual([{ rows: 5000 }])
    },
  },
  {
    name: 'a stopped one is seen as stopped, and comes back with its data at the same address',
    async run(world) {
      const [environment] = world.environments
      const host = world.host()
      const { url } = await host.ensure(environment, options())
      await host.stop?.(environment, { deadlineMs: DEADLINE_MS })
      await host.stop?.(environment, { deadlineMs: DEADLINE_MS })
      expect(world.pidOf(environment)).toBeNull()
      expect(await host.inspect(environment, options())).toMatchObject({ answers: false, sizeBytes: null })
      expect(await host.ensure(environment, options())).toEqual({ url })
      expect(await rowsOf(url, 'select text from kept')).toEqual([{ text: 'one' }])
    },
  },
  {
    name: 'a look at a server that is gone tells no password',
    async run(world) {
      const [environment] = world.environments
      const host = world.host()
      const { url } = await host.ensure(environment, options())
      const { password } = new URL(url)
      await host.stop?.(environment, { deadlineMs: DEADLINE_MS })
      if (world.pidOf(environment) !== null) await killServer(world, environment)
      const state = await host.inspect(environment, options())
      expect(state.answers).toBe(false)
      expect(JSON.stringify(state)).not.toContain(password)
    },
  },
  {
    name: 'a call that was given up does nothing',
    async run(world) {
      const signal = AbortSignal.abort(new Error('given up'))
      const host = world.host()
      await expect(host.ensure(world.environments[0], { signal, deadlineMs: 1000 })).rejects.toThrow('given up')
    },
  },
  {
    name: 'it promises no recovery without saying how much may be lost',
    async run(world) {
      const { pitr, worstRpoSeconds } = world.host().capabilities
      if (pitr) expect(worstRpoSeconds).not.toBeNull()
      else expect(worstRpoSeconds).toBeNull()
    },
  },
]

/** Every host keeps these rules, with real servers. */
export function testDatabaseHost({ name, create, skip = [] }: HostSuite): void {
  const excuses = new Map(skip.flatMap(({ cases: titles, reason }) => titles.map((title) => [title, reason] as const)))

  describe(`the ${name} database host`, () => {
    let world: HostWorld
    beforeAll(async () => {
      world = await create()
    })
    afterAll(() => world?.remove())

    for (const { name: title, run } of cases) {
      const excuse = excuses.get(title)
      if (excuse === undefined) test(title, () => run(world))
      else test.skip(`${title} (not by this host: ${excuse})`, () => {})
    }

    test('the suite skips only cases that exist', () => {
      const known = new Set(cases.map((each) => each.name))
      expect([...excuses.keys()].filter((title) => !known.has(title))).toEqual([])
    })
  })
}
