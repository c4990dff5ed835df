import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { Agent } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { freePort } from '../../support/testing/free-port.ts'
import { until } from '../contract/until.ts'
import type { Edge, RouteTable } from '../edge.ts'
import { livingEdge } from '../edge-process.ts'
import { ask } from '../testing/http-client.ts'
import { routedService, routeTable } from '../testing/route-tables.ts'
import { startTestApp, type TestApp } from '../testing/test-app.ts'
import type { Loaded } from './data-plane/loaded.ts'
import { findHaproxy } from './program/find-haproxy.ts'
import { startHaproxyEdge } from './start.ts'

const cleanUps: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

async function startEdge(): Promise<{ edge: Edge; directory: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-haproxy-'))
  cleanUps.push(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }))
  const edge = await startHaproxyEdge({ directory })
  cleanUps.push(async () => {
    const last = await startHaproxyEdge({ directory })
    await last.close({ stop: true })
  })
  return { edge, directory }
}

async function app(id: string, release: string): Promise<TestApp> {
  const started = await startTestApp({ id, release })
  cleanUps.push(() => started.kill())
  return started
}

async function loadedIn(directory: string): Promise<Loaded> {
  return JSON.parse(await readFile(join(directory, 'haproxy/loaded.json'), 'utf8')) as Loaded
}

function tableOf(port: number, apps: readonly TestApp[], change: Partial<RouteTable> = {}): RouteTable {
  const fleets: Record<string, TestApp['instance'][]> = {}
  for (const each of apps) (fleets[each.release] ??= []).push(each.instance)
  return { ...routeTable({ http: port, fleets }), ...change }
}

const split = (base: string, candidate: string | null = null, weight = 0) => ({ base, candidate, weight, salt: 'd1' })

async function untilAnswered(port: number): Promise<void> {
  await until('the edge answers', async () => (await ask({ port }).catch(() => null))?.status === 200)
}

/** Clients of several habits; every answer that is not a 200, and every broken connection, is a failure. */
function load(port: number) {
  const failures: string[] = []
  const releases = new Map<string, number>()
  const kept = new Agent({ keepAlive: true })
  let running = true
  let answered = 0
  const client = async (options: { method?: string; agent?: Agent; path?: string; pauseMs: number }) => {
    const { pauseMs, ...request } = options
    while (running) {
      try {
        const answer = await ask({ port, ...request, ...(request.method === 'POST' ? { body: 'x'.repeat(2000) } : {}) })
        answered++
        if (answer.status !== 200) failures.push(`${answer.status} ${String(answer.headers['x-sluice-error'])}`)
        const release = String(answer.headers['x-sluice-release'])
        releases.set(release, (releases.get(release) ?? 0) + 1)
      } catch (error) {
        failures.push(`${request.method ?? 'GET'} ${String(error)}`)
      }
      await sleep(pauseMs)
    }
  }
  const clients = [
    ...Array.from({ length: 6 }, () => client({ agent: kept, pauseMs: 3 })),
    ...Array.from({ length: 2 }, () => client({ pauseMs: 5 })),
    ...Array.from({ length: 2 }, () => client({ method: 'POST', agent: kept, pauseMs: 5 })),
    client({ agent: kept, path: '/slow/700', pauseMs: 10 }),
  ]
  return {
    failures,
    releases,
    answered: () => answered,
    async stop() {
      running = false
      await Promise.all(clients)
      kept.destroy()
    },
  }
}

const installed =
  (await findHaproxy({ searchPath: process.env['PATH'] ?? '' })) !== null || process.env['CI'] === 'true'

describe.skipIf(!installed)('the HAProxy edge under changes and crashes (needs haproxy)', () => {
  test('a whole deployment needs no reload and loses no request', async () => {
    const { edge, directory } = await startEdge()
    const port = await freePort()
    const [one, two, next] = [await app('a1', 'r1'), await app('a2', 'r1'), await app('b1', 'r2')]
    await edge.apply(tableOf(port, [one, two]))
    const { generation } = await loadedIn(directory)
    const traffic = load(port)
    await until('there is traffic', () => traffic.answered() > 50)
    for (const weight of [0, 0.1, 0.5, 1]) {
      await edge.apply(tableOf(port, [one, two, next], { split: split('r1', 'r2', weight) }))
      const from = traffic.answered()
      await until('more traffic has come', () => traffic.answered() > from + 50)
    }
    await edge.apply(tableOf(port, [one, two, next], { split: split('r2') }))
    expect((await edge.drain({ environment: 'test.production', release: 'r1' }, { deadlineMs: 20_000 })).cut).toBe(0)
    await edge.apply(tableOf(port, [next], { split: split('r2') }))
    const seen = one.seen.length + two.seen.length
    const from = traffic.answered()
    await until('more traffic has come', () => traffic.answered() > from + 50)
    await traffic.stop()
    expect(traffic.failures).toEqual([])
    expect(one.seen.length + two.seen.length).toBe(seen)
    expect((await loadedIn(directory)).generation).toBe(generation)
    expect([...traffic.releases.keys()].sort()).toEqual(['r1', 'r2'])
  })

  test('reloads under load lose no request, and a client that was idle through one follows the split', async () => {
    const { edge, directory } = await startEdge()
    const port = await freePort()
    const [old, next] = [await app('a1', 'r1'), await app('b1', 'r2')]
    await edge.apply(tableOf(port, [old, next]))
    const { generation } = await loadedIn(directory)
    const traffic = load(port)
    const idle = new Agent({ keepAlive: true, maxSockets: 1 })
    cleanUps.push(async () => idle.destroy())
    for (let round = 1; round <= 4; round++) {
      expect((await ask({ port, agent: idle })).status).toBe(200)
      const internalPort = await freePort()
      const services = [routedService({ instances: [next.instance], internalPort })]
      const releases = [...tableOf(port, [old]).releases, { release: 'r2', services }]
      const base = round % 2 === 0 ? 'r1' : 'r2'
      await edge.apply(tableOf(port, [old, next], { releases, split: split(base) }))
      expect((await ask({ port, agent: idle })).headers['x-sluice-release']).toBe(base)
      expect((await ask({ port: internalPort })).status).toBe(200)
      const from = traffic.answered()
      await until('more traffic has come', () => traffic.answered() > from + 50)
    }
    await traffic.stop()
    expect(traffic.failures).toEqual([])
    expect((await loadedIn(directory)).generation).toBe(generation + 4)
  })

  test('a killed agent costs no request, and the next one adopts HAProxy with everything set', async () => {
    const { edge, directory } = await startEdge()
    const port = await freePort()
    const [old, next] = [await app('a1', 'r1'), await app('b1', 'r2')]
    await edge.apply(tableOf(port, [old, next], { fence: 7, split: split('r1', 'r2', 0.5) }))
    const before = await loadedIn(directory)
    const traffic = load(port)
    process.kill((await livingEdge(directory))?.pid ?? 0, 'SIGKILL')
    await until('the agent is gone', async () => (await livingEdge(directory)) === null)
    const from = traffic.answered()
    await until('there is traffic without an agent', () => traffic.answered() > from + 100)
    const again = await startHaproxyEdge({ directory })
    const after = await loadedIn(directory)
    expect([after.master, after.generation]).toEqual([before.master, before.generation])
    expect((await again.inspect()).environments[0]).toMatchObject({ fence: 7, split: { weight: 0.5 } })
    await again.apply(tableOf(port, [old, next], { fence: 7, split: split('r2') }))
    expect((await ask({ port })).headers['x-sluice-release']).toBe('r2')
    await traffic.stop()
    expect(traffic.failures).toEqual([])
  })

  test.each(['worker', 'master'] as const)('a killed %s is replaced, and all routes are back', async (which) => {
    const { edge, directory } = await startEdge()
    const port = await freePort()
    const [old, next] = [await app('a1', 'r1'), await app('b1', 'r2')]
    await edge.apply(tableOf(port, [old, next], { split: split('r2') }))
    const { master, workers } = await loadedIn(directory)
    const victim = which === 'master' ? master : workers[0]
    process.kill(victim?.pid ?? 0, 'SIGKILL')
    await until('HAProxy runs again', async () => {
      const now = await loadedIn(directory)
      return now.master !== null && now.master.pid !== master?.pid && now.workers.length > 0
    })
    await untilAnswered(port)
    expect((await ask({ port })).headers['x-sluice-release']).toBe('r2')
    await edge.apply(tableOf(port, [old, next], { split: split('r1') }))
    await until('the first release answers', async () => (await ask({ port })).headers['x-sluice-release'] === 'r1')
  })

  test('requests whose app drops the connection without a word are counted as bad', async () => {
    const { edge } = await startEdge()
    const port = await freePort()
    const one = await app('a1', 'r1')
    await edge.apply(tableOf(port, [one]))
    const lost = 10
    for (let round = 0; round < lost; round++) {
      const kept = new Agent({ keepAlive: true, maxSockets: 1 })
      await ask({ port, agent: kept })
      // On a connection that has carried a request HAProxy logs nothing and answers nothing.
      await expect(ask({ port, agent: kept, path: '/drop', method: 'POST' })).rejects.toThrow()
      kept.destroy()
    }
    await until('all lost requests are counted', async () => {
      const { samples } = await edge.samples({ environment: 'test.production' })
      return samples.reduce((sum, { bad }) => sum + bad, 0) >= lost
    })
    const { samples } = await edge.samples({ environment: 'test.production' })
    expect(samples.reduce((sum, { bad }) => sum + bad, 0)).toBe(lost)
    expect(samples.reduce((sum, { requests }) => sum + requests, 0)).toBe(2 * lost)
  })

  test('agent and HAProxy killed together come back with tables, holds, fences and samples', async () => {
    const { edge, directory } = await startEdge()
    const port = await freePort()
    const one = await app('a1', 'r1')
    const environment = 'test.production'
    await edge.apply(tableOf(port, [one], { fence: 3 }))
    await edge.apply(tableOf(port, [one], { fence: 4 }))
    await edge.hold({ environment, service: 'other', mode: 'maintenance' })
    for (let request = 0; request < 5; request++) await ask({ port })
    await until('the requests are on disk', async () =>
      (await readFile(join(directory, 'samples.ndjson'), 'utf8').catch(() => '')).includes('"requests"'),
    )
    const before = await edge.samples({ environment })
    const { master, workers } = await loadedIn(directory)
    const agent = await livingEdge(directory)
    for (const victim of [agent, master, ...workers]) process.kill(victim?.pid ?? 0, 'SIGKILL')
    await until('nobody serves', () =>
      ask({ port }).then(
        () => false,
        () => true,
      ),
    )
    await truncate(join(directory, 'edge-state.json'), 40)
    const again = await startHaproxyEdge({ directory })
    await untilAnswered(port)
    const [state] = (await again.inspect()).environments
    // The damaged file was the one with the hold; the copy before it knows the table.
    expect(state).toMatchObject({ environment, fence: 4 })
    await expect(again.apply(tableOf(port, [one], { fence: 3 }))).rejects.toMatchObject({ code: 'FENCED' })
    const { samples } = await again.samples({ environment })
    expect(samples.reduce((sum, { requests }) => sum + requests, 0)).toBeGreaterThanOrEqual(5)
    expect(Number(before.cursor)).toBeGreaterThan(0)
  })

  test('a killed agent keeps its holds, and an agent of another version takes HAProxy over', async () => {
    const { edge, directory } = await startEdge()
    const port = await freePort()
    const one = await app('a1', 'r1')
    const environment = 'test.production'
    await edge.apply(tableOf(port, [one]))
    await edge.hold({ environment, service: 'web', mode: 'maintenance' })
    expect((await ask({ port })).headers['x-sluice-error']).toBe('MAINTENANCE')
    const record = join(directory, 'edge.json')
    const first = JSON.parse(await readFile(record, 'utf8')) as { pid: number }
    await writeFile(record, JSON.stringify({ ...first, version: 'older' }))
    const { master } = await loadedIn(directory)
    const again = await startHaproxyEdge({ directory })
    const state = await again.inspect()
    expect(state.pid).not.toBe(first.pid)
    expect(state.environments[0]?.hold).toEqual([{ service: 'web', mode: 'maintenance' }])
    expect((await loadedIn(directory)).master).toEqual(master)
    await again.hold({ environment, mode: 'off' })
    expect((await ask({ port })).status).toBe(200)
  })
})
