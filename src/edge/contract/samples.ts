import { expect } from 'vitest'
import type { Sample } from '../../model/sample.ts'
import { openRequest } from './streaming.ts'
import { until } from './until.ts'
import type { EdgeCase, Site } from './world.ts'

async function samplesOf(site: Site, after?: string): Promise<readonly Sample[]> {
  const { samples } = await site.edge.samples({
    environment: site.table.environment,
    ...(after === undefined ? {} : { after }),
  })
  return samples
}

type Count = 'requests' | 'bad' | 'distinctBad'
const sum = (samples: readonly Sample[], count: Count, release?: string) =>
  samples
    .filter((each) => release === undefined || each.release === release)
    .reduce((all, each) => all + (each[count] ?? 0), 0)

export const sampleCases: readonly EdgeCase[] = [
  {
    name: 'samples count requests per second, release, instance and weight',
    async run(world) {
      const [base, candidate] = [await world.app('r1'), await world.app('r2')]
      const site = await world.serve([base, candidate])
      for (let i = 0; i < 5; i++) await site.ask('/status/200')
      await site.weight(1)
      for (let i = 0; i < 3; i++) await site.ask('/status/404')
      const samples = await until('all are known', async () => {
        const known = await samplesOf(site)
        const answered = known.reduce((all, each) => all + (each.statusClasses['4xx'] ?? 0), 0)
        return answered === 3 ? known : null
      })
      expect([sum(samples, 'requests', 'r1'), sum(samples, 'requests', 'r2'), sum(samples, 'bad')]).toEqual([5, 3, 0])
      for (const sample of samples) {
        expect(sample).toMatchObject({ seconds: 1, service: 'web' })
        expect(Math.abs(sample.from - Date.now() / 1000)).toBeLessThan(60)
        expect(sample.instance).toBe(sample.release === 'r1' ? base.instance.id : candidate.instance.id)
        expect(sample.weight).toBe(sample.release === 'r1' ? 0 : 1)
      }
      const latencies = samples.flatMap((each) => Object.values(each.latency ?? {}))
      expect(latencies.reduce((all, each) => all + each, 0)).toBe(8)
    },
  },
  {
    name: 'bad are 5xx, dropped connections, broken answers and time-outs, not 4xx and not clients that leave',
    async run(world) {
      const app = await world.app()
      const site = await world.serve([app], { limits: { responseMs: 1500 }, health: { intervalMs: 60_000 } })
      await site.ask('/status/500')
      await site.ask('/status/503')
      await site.ask({ path: '/drop', method: 'POST', body: 'x' })
      await site.ask('/break').catch(() => {})
      await site.ask('/deaf')
      const bad = await until('five are bad', async () => {
        const known = await samplesOf(site)
        return sum(known, 'bad') >= 5 ? known : null
      })
      await site.ask('/status/404')
      const leaver = openRequest(site, '/sse')
      await until('the stream flows', () => leaver.seen.text !== '')
      leaver.abort()
      await site.ask('/status/200')
      const all = await until('all are known', async () => {
        const known = await samplesOf(site)
        return sum(known, 'requests') >= 8 ? known : null
      })
      expect([sum(bad, 'bad'), sum(all, 'bad'), sum(all, 'requests')]).toEqual([5, 5, 8])
    },
  },
  {
    name: 'the failures of one visitor on one route within 30 s are one distinct event',
    async run(world) {
      const site = await world.serve([await world.app()])
      const headers = { cookie: 'sluice-visitor=0123456789abcdef' }
      for (let i = 0; i < 4; i++) await site.ask({ path: '/status/500', headers })
      await site.ask('/status/500')
      const samples = await until('all are known', async () => {
        const known = await samplesOf(site)
        return sum(known, 'bad') >= 5 ? known : null
      })
      expect([sum(samples, 'bad'), sum(samples, 'distinctBad')]).toEqual([5, 2])
    },
  },
  {
    name: 'a request that fails late is a later increment of its arrival second',
    async run(world) {
      const app = await world.app()
      const site = await world.serve([app], { health: { intervalMs: 60_000 } })
      const slow = openRequest(site, '/deaf')
      const first = await until('it is counted', async () => {
        const batch = await world.edge.samples({ environment: site.table.environment })
        return sum(batch.samples, 'requests') === 1 ? batch : null
      })
      await new Promise((resolve) => setTimeout(resolve, 1100))
      await app.kill()
      await until('the client has its answer', () => slow.seen.ended || slow.seen.broken)
      const late = await until('the failure is known', async () => {
        const known = await samplesOf(site, first.cursor)
        return sum(known, 'bad') === 1 ? known : null
      })
      expect(late.filter((each) => each.bad > 0).map((each) => each.from)).toEqual([first.samples[0]?.from])
      expect(sum(late, 'requests')).toBe(0)
    },
  },
  {
    name: 'pinned requests and health checks are no evidence',
    async run(world) {
      const site = await world.serve([await world.app('r1'), await world.app('r2')])
      const headers = { 'x-sluice-release': 'r2', 'x-sluice-preview-key': site.table.previewKey }
      for (let i = 0; i < 3; i++) await site.ask({ headers, path: '/status/500' })
      await site.ask('/status/200')
      const samples = await until('the other is known', async () => {
        const known = await samplesOf(site)
        return sum(known, 'requests', 'r1') === 1 ? known : null
      })
      expect([sum(samples, 'requests', 'r2'), sum(samples, 'bad')]).toEqual([0, 0])
    },
  },
  {
    name: 'several readers read from their own cursors, and nothing is told twice or lost',
    async run(world) {
      const site = await world.serve([await world.app()])
      let cursor: string | undefined
      let counted = 0
      for (let round = 0; round < 5; round++) {
        await site.ask('/status/200')
        await site.ask('/status/200')
        const batch = await world.edge.samples({
          environment: site.table.environment,
          ...(cursor === undefined ? {} : { after: cursor }),
        })
        counted += sum(batch.samples, 'requests')
        cursor = batch.cursor
      }
      counted += await until('the rest is known', async () => {
        const rest = sum(await samplesOf(site, cursor), 'requests')
        return counted + rest === 10 ? rest + 0.5 : 0
      })
      expect(Math.floor(counted)).toBe(10)
      expect(sum(await samplesOf(site), 'requests')).toBe(10)
    },
  },
  {
    name: 'inspect tells what an instance has to do and did',
    async run(world) {
      const app = await world.app()
      const site = await world.serve([app])
      const gate = site.ask('/gate')
      await until('it is in flight', async () => (await site.instance(app))?.inFlight === 1)
      app.gate.open()
      await gate
      await until('it is over', async () => (await site.instance(app))?.inFlight === 0)
      const seen = await site.instance(app)
      expect(seen).toMatchObject({ release: 'r1', service: 'web', healthy: true, requests: 1, draining: false })
      expect(Date.parse(seen?.lastRequestAt ?? '')).toBeGreaterThan(Date.now() - 60_000)
    },
  },
]
