import { expect } from 'vitest'
import { openRequest } from './streaming.ts'
import { until } from './until.ts'
import { converse } from './websocket.ts'
import type { EdgeCase, Site, World } from './world.ts'

/** Two releases, all traffic on the second one, so that the first one can go. */
async function moved(world: World) {
  const [old, next] = [await world.app('r1'), await world.app('r2')]
  const site = await world.serve([old, next])
  return { old, next, site, move: () => site.apply({ split: { base: 'r2', candidate: null, weight: 0, salt: '' } }) }
}

const drain = (world: World, site: Site, deadlineMs: number, until: 'idle' | 'streams' = 'idle') =>
  world.edge.drain({ environment: site.table.environment, release: 'r1', until }, { deadlineMs })

export const drainCases: readonly EdgeCase[] = [
  {
    name: 'a drain waits for what is in flight and cuts nothing',
    async run(world) {
      const { old, site, move } = await moved(world)
      const slow = site.ask('/gate')
      await until('the request is in flight', async () => (await site.instance(old))?.inFlight === 1)
      await move()
      const drained = drain(world, site, 20_000)
      await until('the instance drains', async () => (await site.instance(old))?.draining === true)
      expect((await site.ask()).json().release).toBe('r2')
      old.gate.open()
      expect((await slow).body).toMatch(/^r1 /)
      expect(await drained).toMatchObject({ cut: 0 })
    },
  },
  {
    name: 'one instance of several drains without a lost request',
    async run(world) {
      const [one, two] = [await world.app(), await world.app()]
      const site = await world.serve([one, two])
      const { environment } = site.table
      const instances = [one.instance.id]
      expect(await world.edge.drain({ environment, release: 'r1', instances }, { deadlineMs: 5000 })).toMatchObject({
        cut: 0,
      })
      for (let i = 0; i < 6; i++) expect((await site.ask()).json().id).toBe(two.instance.id)
    },
  },
  {
    name: 'at the deadline of a drain the rest is cut and counted',
    async run(world) {
      const { old, site, move } = await moved(world)
      const begun = openRequest(site, '/begin')
      const hanging = openRequest(site, '/deaf')
      await until('both are in flight', async () => (await site.instance(old))?.inFlight === 2)
      await move()
      expect((await drain(world, site, 300)).cut).toBe(2)
      await until('the clients have seen the end', () => {
        const over = ({ seen }: typeof begun) => seen.ended || seen.broken
        return over(begun) && over(hanging)
      })
      await until('nothing is in flight', async () => (await site.instance(old))?.inFlight === 0)
    },
  },
  {
    name: 'WebSockets end at the deadline of a drain at the latest',
    async run(world) {
      const { site, move } = await moved(world)
      const conversations = await Promise.all(Array.from({ length: 3 }, () => converse(site)))
      await move()
      await drain(world, site, 600)
      await until('all are closed', () => conversations.every(({ code }) => code !== 0))
    },
  },
  {
    name: 'WebSockets are told 1012 at a drain, between two frames, and none is cut',
    async run(world) {
      const { site, move } = await moved(world)
      const conversations = await Promise.all(Array.from({ length: 5 }, () => converse(site)))
      const binary = Buffer.alloc(300_000, 'x')
      for (const { socket } of conversations) socket.send(binary)
      await move()
      expect((await drain(world, site, 5000)).cut).toBe(0)
      await until('all are closed', () => conversations.every(({ code }) => code !== 0))
      for (const { code, messages } of conversations) {
        expect(code).toBe(1012)
        for (const message of messages) expect(message.length).toBe(binary.length)
      }
    },
  },
  {
    name: 'a drain until streams alone are left waits for requests, and not for streams',
    async run(world) {
      const { old, site, move } = await moved(world)
      const slow = site.ask('/gate')
      const stream = openRequest(site, '/sse?every=50')
      const conversation = await converse(site)
      await until('all are in flight', async () => (await site.instance(old))?.inFlight === 3)
      await until('the stream flows', () => stream.seen.text !== '')
      await move()
      let isOver = false
      const drained = drain(world, site, 600_000, 'streams').finally(() => (isOver = true))
      await until('the request alone is waited for', async () => {
        const instance = await site.instance(old)
        return instance?.draining === true && instance.inFlight <= 3
      })
      expect(isOver).toBe(false)
      old.gate.open()
      expect((await slow).body).toMatch(/^r1 /)
      expect(await drained).toMatchObject({ cut: 0 })
      expect(stream.seen.broken).toBe(false)
      expect([0, 1012]).toContain(conversation.code)
      stream.abort()
      conversation.socket.terminate()
    },
  },
  {
    name: 'a drain until streams alone are left cuts nothing at its deadline',
    async run(world) {
      const { old, site, move } = await moved(world)
      const slow = site.ask('/gate')
      await until('the request is in flight', async () => (await site.instance(old))?.inFlight === 1)
      await move()
      expect(await drain(world, site, 200, 'streams')).toMatchObject({ cut: 0, left: 1 })
      old.gate.open()
      expect((await slow).status).toBe(200)
    },
  },
  {
    name: 'events that were not asked for by GET have an end, and a drain waits for it',
    async run(world) {
      const { old, site, move } = await moved(world)
      const { seen } = openRequest(site, '/sse?every=30&count=20', {}, 'POST')
      await until('the events flow', async () => seen.text !== '' && (await site.instance(old))?.inFlight === 1)
      await move()
      expect(await drain(world, site, 60_000, 'streams')).toMatchObject({ cut: 0, left: 0 })
      await until('the answer has ended', () => seen.ended || seen.broken)
      expect(seen.text.endsWith('data: 19\n\n')).toBe(true)
    },
  },
  {
    name: 'events in answer to a POST that have no end are ended by the application that is told to stop, and none is cut',
    async run(world) {
      const { old, site, move } = await moved(world)
      const streams = Array.from({ length: 3 }, () => openRequest(site, '/sse?every=20', {}, 'POST'))
      await until('all flow', async () => (await site.instance(old))?.inFlight === 3)
      await move()
      expect(await drain(world, site, 600, 'streams')).toMatchObject({ cut: 0 })
      old.endStreams()
      expect(await drain(world, site, 60_000)).toMatchObject({ cut: 0, left: 0 })
      await until('all have ended', () => streams.every(({ seen }) => seen.ended || seen.broken))
      for (const { seen } of streams) expect([seen.broken, seen.text.endsWith('\n\n')]).toEqual([false, true])
    },
  },
  {
    name: 'events in answer to a POST are told to go when the time of a drain is nearly over, between two events',
    async run(world) {
      const { old, site, move } = await moved(world)
      const endless = Array.from({ length: 5 }, () => openRequest(site, '/sse?every=3', {}, 'POST'))
      const finite = openRequest(site, '/sse?every=20&count=10', {}, 'POST')
      await until('all flow', async () => (await site.instance(old))?.inFlight === 6)
      await move()
      const drained = await drain(world, site, 6000, 'streams')
      expect(drained).toMatchObject({ cut: 0, left: 0 })
      expect(drained.tookMs).toBeGreaterThanOrEqual(3900)
      await until('all have ended', () => endless.every(({ seen }) => seen.ended || seen.broken))
      for (const { seen } of endless) {
        expect(seen.broken).toBe(false)
        expect(seen.text).toMatch(/data: \d+\n\n$/)
      }
      expect(finite.seen.text.endsWith('data: 9\n\n')).toBe(true)
    },
  },
  {
    name: 'event streams are told to go at a drain, between two events, and none is cut',
    async run(world) {
      const { old, site, move } = await moved(world)
      const streams = Array.from({ length: 5 }, () => openRequest(site, '/sse?every=3'))
      await until('all flow', async () => (await site.instance(old))?.inFlight === 5)
      await until('all have events', () => streams.every(({ seen }) => seen.text !== ''))
      await move()
      expect(await drain(world, site, 60_000)).toMatchObject({ cut: 0, left: 0 })
      await until('all have ended', () => streams.every(({ seen }) => seen.ended || seen.broken))
      for (const { seen } of streams) {
        expect(seen.broken).toBe(false)
        expect(seen.text).toMatch(/data: \d+\n\n$/)
      }
    },
  },
  {
    name: 'what the application drops during a drain is counted as cut',
    async run(world) {
      const { old, site, move } = await moved(world)
      const { seen } = openRequest(site, '/begin', {}, 'POST')
      const hanging = openRequest(site, '/deaf', {}, 'POST')
      await until('both are in flight', async () => (await site.instance(old))?.inFlight === 2)
      await until('the answer has begun', () => seen.text !== '')
      await move()
      await drain(world, site, 50, 'streams')
      await old.kill()
      expect(await drain(world, site, 60_000)).toMatchObject({ cut: 2, left: 0 })
      await until('the clients know', () => seen.broken && hanging.seen.status === 502)
    },
  },
  {
    name: 'traffic that comes back ends a drain',
    async run(world) {
      const { old, site, move } = await moved(world)
      const slow = site.ask('/gate')
      await until('the request is in flight', async () => (await site.instance(old))?.inFlight === 1)
      await move()
      const drained = drain(world, site, 30_000).catch((error: unknown) => error)
      await until('the instance drains', async () => (await site.instance(old))?.draining === true)
      await site.apply({ split: { base: 'r1', candidate: null, weight: 0, salt: '' } })
      expect((await site.ask()).json().release).toBe('r1')
      await drained
      old.gate.open()
      expect((await slow).status).toBe(200)
    },
  },
  {
    name: 'instances that left the table still finish what they have',
    async run(world) {
      const { old, next, site } = await moved(world)
      const slow = site.ask('/gate')
      await until('the request is in flight', () => old.seen.length === 1)
      await site.apply({
        split: { base: 'r2', candidate: null, weight: 0, salt: '' },
        releases: site.table.releases.filter(({ release }) => release === 'r2'),
      })
      expect((await site.ask()).json().id).toBe(next.instance.id)
      old.gate.open()
      expect((await slow).body).toMatch(/^r1 /)
    },
  },
]
