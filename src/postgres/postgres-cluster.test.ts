import { spawn } from 'node:child_process'
import { chmod, chown, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startTimeOf } from '../support/process-identity.ts'
import type { Cluster, ClusterEvent } from './cluster.ts'
import { type ClusterAddress, withClient } from './connection.ts'
import { type PostgresClusterOptions, postgresCluster } from './postgres-cluster.ts'

const isRoot = process.getuid?.() === 0
let root: string
let clusters: Cluster[]

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'sluice-postgres-'))
  await chmod(root, 0o755)
  clusters = []
})

afterEach(async () => {
  for (const cluster of clusters) await cluster.stop({ mode: 'immediate', deadlineMs: 20_000 }).catch(() => {})
  await rm(root, { recursive: true, force: true })
})

function clusterAt(directory: string, more: Partial<PostgresClusterOptions> = {}): Cluster {
  const cluster = postgresCluster({ directory, log: () => {}, sharedDirectory: join(root, 'shared'), ...more })
  clusters.push(cluster)
  return cluster
}

function start(cluster: Cluster): Promise<ClusterAddress> {
  return cluster.start({ signal: AbortSignal.timeout(60_000), deadlineMs: 50_000 })
}

async function rowsOf<T extends object>(address: ClusterAddress, sql: string): Promise<readonly T[]> {
  return (await withClient(address, 10_000, (client) => client.query<T>(sql))).rows
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(20)
}

function livePid(cluster: Cluster): number {
  const pid = cluster.pid()
  if (pid === null) throw new Error('no server lives')
  return pid
}

describe('a cluster', () => {
  it('is made, answers with its password only, and is adopted by a second supervisor', async () => {
    const directory = join(root, 'a folder with blanks')
    const first = clusterAt(directory)
    const address = await start(first)
    expect(await rowsOf(address, 'show wal_level')).toEqual([{ wal_level: 'logical' }])
    expect(await rowsOf(address, 'show data_checksums')).toEqual([{ data_checksums: 'on' }])
    expect((await stat(join(directory, 'password'))).mode & 0o777).toBe(0o600)
    await expect(rowsOf({ ...address, password: 'wrong' }, 'select 1')).rejects.toMatchObject({ code: '28P01' })

    const second = clusterAt(directory)
    expect(await start(second)).toEqual(address)
    expect(second.pid()).toBe(first.pid())

    await second.stop({ mode: 'fast', deadlineMs: 20_000 })
    expect(first.pid()).toBeNull()
    expect((await start(first)).url).toBe(address.url)
  })

  it('started twice at the same moment is one server', async () => {
    const directory = join(root, 'pg')
    await start(clusterAt(directory)).then(() => clusters[0]?.stop({ mode: 'fast', deadlineMs: 20_000 }))
    const both = [clusterAt(directory), clusterAt(directory)]
    const addresses = await Promise.all(both.map(start))
    expect(addresses[0]).toEqual(addresses[1])
    expect(both[0]?.pid()).toBe(both[1]?.pid())
  })

  it('outlives a kill -9 of the process that started it, and is adopted', async () => {
    const directory = join(root, 'pg')
    const script = join(root, 'start.mjs')
    const module = fileURLToPath(new URL('./postgres-cluster.ts', import.meta.url))
    await writeFile(
      script,
      `import { postgresCluster } from ${JSON.stringify(module)}
       const cluster = postgresCluster({ directory: process.argv[2], log() {} })
       await cluster.start({ signal: new AbortController().signal, deadlineMs: 50_000 })
       process.stdout.write(cluster.pid() + '\\n')
       setInterval(() => {}, 1000)`,
    )
    const supervisor = spawn(process.execPath, [script, directory], { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    supervisor.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
    await until(() => output.endsWith('\n'))
    const exited = new Promise((resolve) => supervisor.once('exit', resolve))
    supervisor.kill('SIGKILL')
    await exited
    const cluster = clusterAt(directory)
    await start(cluster)
    expect(cluster.pid()).toBe(Number(output))
  })

  it('comes back after kill -9 by itself, with every committed row', async () => {
    const cluster = clusterAt(join(root, 'pg'))
    const address = await start(cluster)
    await rowsOf(address, 'create table kept as select generate_series(1, 20000) as id')
    const events: ClusterEvent[] = []
    cluster.watch((event) => events.push(event))
    const killed = livePid(cluster)
    process.kill(killed, 'SIGKILL')
    await until(() => events.some((event) => event.type === 'restarted'))
    expect(events[0]).toEqual({ type: 'exited', pid: killed })
    expect(cluster.pid()).not.toBe(killed)
    expect(await rowsOf(address, 'select count(*)::int as rows from kept')).toEqual([{ rows: 20_000 }])
  })

  it('starts although left-over pid files name a stranger', async () => {
    const directory = join(root, 'pg')
    const cluster = clusterAt(directory)
    await start(cluster)
    const { port, socketDirectory } = cluster.address()
    const pidFile = join(directory, 'data', 'postmaster.pid')
    const content = await readFile(pidFile, 'utf8')
    await cluster.stop({ mode: 'immediate', deadlineMs: 20_000 })
    const { uid, gid } = await stat(join(directory, 'data'))
    const stranger = spawn('sleep', ['60'], isRoot ? { uid, gid } : {})
    await writeFile(pidFile, content.replace(/^\d+/, String(stranger.pid)), { mode: 0o600 })
    // PostgreSQL keeps one beside its socket, too.
    await mkdir(socketDirectory, { recursive: true, mode: 0o700 })
    const lock = join(socketDirectory, `.s.PGSQL.${port}.lock`)
    await writeFile(lock, `${stranger.pid}\n${join(directory, 'data')}\n`, { mode: 0o600 })
    await chown(pidFile, uid, gid)
    try {
      await start(cluster)
      expect(cluster.pid()).not.toBe(stranger.pid)
      expect(startTimeOf(stranger.pid ?? 0)).not.toBeNull()
    } finally {
      stranger.kill('SIGKILL')
    }
  })

  it('moves to another port when a stranger took its own', async () => {
    const cluster = clusterAt(join(root, 'pg'))
    const { port } = await start(cluster)
    await cluster.stop({ mode: 'fast', deadlineMs: 20_000 })
    const stranger = await listenOn(port)
    try {
      const moved = await start(cluster)
      expect(moved.port).not.toBe(port)
      expect(await rowsOf(moved, 'select 1 as one')).toEqual([{ one: 1 }])
    } finally {
      stranger.close()
    }
  })

  it('runs beside another one and gives each application a plain role', async () => {
    const one = clusterAt(join(root, 'one'))
    const two = clusterAt(join(root, 'x'.repeat(120))) // its socket path would be too long there
    const [first, second] = await Promise.all([start(one), start(two)])
    expect(first.port).not.toBe(second.port)
    const wanted = { database: 'my app', role: 'app"role', password: "it's" }
    const database = await one.ensureDatabase(wanted)
    expect(await one.ensureDatabase(wanted)).toEqual(database)
    expect(
      await rowsOf(database, 'select current_user::text as me, usesuper from pg_user where usename = current_user'),
    ).toEqual([{ me: 'app"role', usesuper: false }])
    await rowsOf(database, 'create table public.t (id int)')
  })

  it('refuses to open data whose password was lost, and data of another version', async () => {
    const directory = join(root, 'pg')
    const cluster = clusterAt(directory)
    await start(cluster)
    await cluster.stop({ mode: 'fast', deadlineMs: 20_000 })
    await writeFile(join(directory, 'password'), 'another', { mode: 0o600 })
    await expect(start(cluster)).rejects.toMatchObject({ code: 'POSTGRES_UNAVAILABLE' })
    await cluster.stop({ mode: 'fast', deadlineMs: 20_000 })
    await writeFile(join(directory, 'data', 'PG_VERSION'), '12\n')
    await expect(start(cluster)).rejects.toThrow(/made by PostgreSQL 12/)
  })

  it('says so when it cannot start, with the reason of the server', async () => {
    const cluster = clusterAt(join(root, 'pg'), { settings: { shared_buffers: 'much' } })
    await expect(start(cluster)).rejects.toThrow(/shared_buffers/)
  })

  it('says which folder cannot be written', async () => {
    await writeFile(join(root, 'file'), '')
    await expect(start(clusterAt(join(root, 'file', 'pg')))).rejects.toMatchObject({ code: 'HOME_NOT_WRITABLE' })
    await mkdir(join(root, 'readonly'), { mode: 0o500 })
    const closed = isRoot ? '/sys/sluice' : join(root, 'readonly', 'pg')
    await expect(start(clusterAt(closed))).rejects.toMatchObject({ code: 'HOME_NOT_WRITABLE' })
  })
})

describe.runIf(isRoot)('as root', () => {
  it('the server runs as an unprivileged user', async () => {
    const cluster = clusterAt(join(root, 'pg'), { user: { uid: 65534, gid: 65534 } })
    await start(cluster)
    const status = await readFile(`/proc/${livePid(cluster)}/status`, 'utf8')
    expect(status).toMatch(/^Uid:\t65534\t65534\t65534\t65534$/m)
    expect(status).toMatch(/^Groups:\s*$/m)
  })

  it('data below a private folder is kept where that user can enter, and found again', async () => {
    const home = join(root, 'private')
    await mkdir(home, { mode: 0o700 })
    const cluster = clusterAt(join(home, 'pg'))
    const address = await start(cluster)
    await rowsOf(address, 'create table kept (id int)')
    await cluster.stop({ mode: 'fast', deadlineMs: 20_000 })
    const again = await start(clusterAt(join(home, 'pg')))
    expect(await rowsOf(again, 'select * from kept')).toEqual([])
    expect((await stat(home)).mode & 0o777).toBe(0o700)
  })
})

function listenOn(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => resolve(server))
  })
}
