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

const drain = (world: World, site: Site, deadlineMs: number, release = 'r1') =>
  world.edge.drain({ environment: site.table.environment, release }, { deadlineMs })

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
      const stream = openRequest(site, '/sse?every=50')
      const hanging = openRequest(site, '/deaf')
      await until('both are in flight', async () => (await site.instance(old))?.inFlight === 2)
      await move()
      expect((await drain(world, site, 300)).cut).toBe(2)
      await until('the clients have seen the end', () => {
        const over = ({ seen }: typeof stream) => seen.ended || seen.broken
        return over(stream) && over(hanging)
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
