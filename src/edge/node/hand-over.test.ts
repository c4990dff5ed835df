import { Agent } from 'node:http'
import { connect as connectTls } from 'node:tls'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { identityOf, isAlive } from '../../support/process-identity.ts'
import { until } from '../contract/until.ts'
import { Site, World } from '../contract/world.ts'
import type { Edge } from '../edge.ts'
import { makeCertificate } from '../testing/certificate.ts'
import { startNodeEdge, upgradeNodeEdge } from './start.ts'

let world: World
let edge: Edge
let directory: string

beforeEach(async () => {
  const create = (folder: string) => startNodeEdge({ directory: folder })
  // The world's shared edge is not used here: each test replaces its own.
  world = new World(undefined as unknown as Edge, create)
  const own = await world.ownEdge()
  edge = own.edge
  directory = own.directory
})
afterEach(async () => {
  const last = await startNodeEdge({ directory })
  await last.close({ stop: true })
  await world.end()
})

async function siteWithTls() {
  const app = await world.app()
  const certificates = [await makeCertificate(await world.folder(), 'one.example')]
  const https = await world.freePort()
  const table = await world.table([app], {
    change: (each) => ({ ...each, certificates, listeners: { ...each.listeners, https } }),
  })
  const site = new Site(edge, table)
  await edge.apply(table)
  await site.untilHealthy([app])
  return { app, site, https }
}

/** Clients that ask without a pause on kept connections until they are stopped. */
function load(site: Site, clients: number) {
  const agent = new Agent({ keepAlive: true })
  const seen = { answers: 0, failures: [] as string[] }
  let goesOn = true
  const one = async () => {
    while (goesOn) {
      try {
        const { status } = await site.ask({ path: '/status/200', agent })
        if (status === 200) seen.answers++
        else seen.failures.push(String(status))
      } catch (error) {
        seen.failures.push(String(error))
      }
    }
  }
  const done = Promise.all(Array.from({ length: clients }, one))
  return {
    seen,
    async stop() {
      goesOn = false
      await done
      agent.destroy()
    },
  }
}

describe('an edge that replaces itself', () => {
  test('refuses no connection and fails no request, three times under load', async () => {
    const { site } = await siteWithTls()
    const clients = load(site, 12)
    const pids = new Set([(await edge.inspect()).pid])
    for (let round = 0; round < 3; round++) {
      const before = clients.seen.answers
      await until('the load flows', () => clients.seen.answers > before + 200)
      await upgradeNodeEdge({ directory })
      const next = await startNodeEdge({ directory })
      pids.add((await next.inspect()).pid)
      await next.close()
    }
    const before = clients.seen.answers
    await until('the load flows on', () => clients.seen.answers > before + 200)
    await clients.stop()
    expect(clients.seen.failures).toEqual([])
    expect(pids.size).toBe(4)
    for (const pid of [...pids].slice(0, 3)) await until(`process ${pid} has ended`, () => identityOf(pid) === null)
  })

  test('keeps WebSockets, counts what they and slow requests do, and drains them by the next process', async () => {
    const { app, site } = await siteWithTls()
    const socket = new WebSocket(`ws://127.0.0.1:${site.port}/ws`)
    await new Promise((resolve) => socket.on('open', resolve))
    const slow = site.ask('/gate')
    await until('the request is in flight', () => app.seen.length === 2)
    const { environment } = site.table
    const first = await edge.samples({ environment })
    const { pid } = await edge.inspect()
    await upgradeNodeEdge({ directory })
    const next = await startNodeEdge({ directory })
    expect((await next.inspect()).pid).not.toBe(pid)
    const echoed = new Promise<string>((resolve) => socket.on('message', (data: Buffer) => resolve(data.toString())))
    socket.send('still there')
    expect(await echoed).toBe('still there')
    app.gate.open()
    expect((await slow).status).toBe(200)
    await until('the end of the slow request is known', async () => {
      const { samples } = await next.samples({ environment, after: first.cursor })
      return samples.some((sample) => sample.statusClasses['2xx'] === 1)
    })
    const closed = new Promise<number>((resolve) => socket.on('close', resolve))
    const drained = await next.drain({ environment, release: 'r1' }, { deadlineMs: 5000 })
    expect([await closed, drained.cut]).toEqual([1012, 0])
    await next.close()
  })

  test('hands over its https port, and a table that comes later reaches kept connections of the process before', async () => {
    const { site, https } = await siteWithTls()
    const other = await world.app('r2')
    const socket = connectTls({ port: https, host: '127.0.0.1', servername: 'one.example', rejectUnauthorized: false })
    let text = ''
    socket.setEncoding('latin1')
    socket.on('data', (part: string) => (text += part))
    const ask = async () => {
      text = ''
      socket.write('GET / HTTP/1.1\r\nHost: one.example\r\n\r\n')
      await until('the answer is there', () => /"release":"(\w+)"/.test(text))
      return /"release":"(\w+)"/.exec(text)?.[1]
    }
    expect(await ask()).toBe('r1')
    await upgradeNodeEdge({ directory })
    const next = await startNodeEdge({ directory })
    const moved = await world.table([other], {
      base: 'r2',
      change: (table) => ({ ...site.table, releases: table.releases, split: table.split }),
    })
    await next.apply(moved)
    await new Site(next, moved).untilHealthy([other])
    await until('the old connection is answered by the new release', async () => (await ask()) === 'r2')
    expect(text).toMatch(/connection: close/i)
    socket.destroy()
    const fresh = connectTls({ port: https, host: '127.0.0.1', servername: 'one.example', rejectUnauthorized: false })
    await new Promise((resolve) => fresh.on('secureConnect', resolve))
    fresh.destroy()
    await next.close()
  })

  test('happens by itself when an edge of another version runs', async () => {
    const { site } = await siteWithTls()
    const before = await edge.inspect()
    const same = await startNodeEdge({ directory })
    expect((await same.inspect()).pid).toBe(before.pid)
    await same.close()
    const next = await startNodeEdge({ directory, version: '99.0.0' })
    expect((await next.inspect()).pid).not.toBe(before.pid)
    expect((await site.ask('/status/200')).status).toBe(200)
    await next.close()
  })

  test('that cannot start leaves the process that serves as it is', async () => {
    const { site } = await siteWithTls()
    const { pid } = await edge.inspect()
    const broken = upgradeNodeEdge({ directory, program: '/nonexistent.ts' })
    await expect(broken).rejects.toMatchObject({ code: 'EDGE_UNREACHABLE' })
    expect((await edge.inspect()).pid).toBe(pid)
    expect((await site.ask('/status/200')).status).toBe(200)
    const identity = identityOf(pid)
    expect(identity !== null && isAlive(identity)).toBe(true)
  })
})
