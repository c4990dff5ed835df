import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import postgres from 'postgres'
import { migrate } from '../src/migrate.ts'

export interface TestDatabase {
  url: string
  remove: () => Promise<void>
}

/** A fresh, migrated database on a real server; `DATABASE_URL` of this process points to it. */
export async function createDatabase(): Promise<TestDatabase> {
  const server = process.env['DATABASE_URL']
  if (!server) throw new Error('DATABASE_URL is not set: run the tests by `npm test`')
  const name = `social_test_${randomBytes(6).toString('hex')}`
  await asAdministrator(server, (sql) => sql`create database ${sql(name)}`)
  const url = new URL(server)
  url.pathname = `/${name}`
  process.env['DATABASE_URL'] = url.href
  await migrate(url.href)
  return {
    url: url.href,
    remove: async () => {
      await asAdministrator(server, (sql) => sql`drop database ${sql(name)} with (force)`)
    },
  }
}

async function asAdministrator(server: string, work: (sql: postgres.Sql) => Promise<unknown>): Promise<void> {
  const sql = postgres(server, { max: 1, onnotice: () => {} })
  try {
    await work(sql)
  } finally {
    await sql.end({ timeout: 5 })
  }
}

export interface BuiltApp {
  url: string
  process: ChildProcess
  /** Everything it printed. */
  output: () => string
  /** Tells it to stop and waits for its end. */
  stop: () => Promise<number | null>
}

/** The built server as Sluice starts it, behind nobody. */
export async function startBuiltApp(databaseUrl: string): Promise<BuiltApp> {
  const port = await freePort()
  const child = spawn(process.execPath, ['build/index.js'], {
    cwd: new URL('..', import.meta.url),
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      PORT: String(port),
      HOST: '127.0.0.1',
      DATABASE_URL: databaseUrl,
      PROTOCOL_HEADER: 'x-forwarded-proto',
      HOST_HEADER: 'x-forwarded-host',
    },
  })
  let printed = ''
  const ended = once(child, 'exit').then(([code]) => code as number | null)
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (printed += chunk.toString()))
  const url = `http://127.0.0.1:${port}`
  for (const deadline = Date.now() + 20_000; ; await sleep(50)) {
    const answer = await fetch(`${url}/health`).catch(() => null)
    if (answer?.ok) break
    if (child.exitCode !== null || Date.now() > deadline) {
      child.kill('SIGKILL')
      throw new Error(`the built server did not become healthy:\n${printed}`)
    }
  }
  return {
    url,
    process: child,
    output: () => printed,
    stop: () => {
      child.kill('SIGTERM')
      return ended
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
