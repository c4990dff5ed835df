import { expect } from 'vitest'
import { until } from './until.ts'
import type { EdgeCase } from './world.ts'

/** Health is checked so seldom here that only the requests themselves can tell that something is wrong. */
const seldom = { health: { intervalMs: 60_000 } }

export const failureCases: readonly EdgeCase[] = [
  {
    name: 'an instance that refuses connections costs no request when another is healthy',
    async run(world) {
      const [dead, alive] = [await world.app(), await world.app()]
      const site = await world.serve([dead, alive], seldom)
      const agent = world.agent()
      for (let i = 0; i < 6; i++) await site.ask({ agent })
      await dead.kill()
      for (let i = 0; i < 12; i++) expect((await site.ask({ agent })).json().id).toBe(alive.instance.id)
    },
  },
  {
    name: 'a GET that is dropped without an answer is tried on another instance, a POST is not',
    async run(world) {
      const apps = [await world.app(), await world.app()]
      const site = await world.serve(apps, seldom)
      const seen = () => apps.reduce((sum, app) => sum + app.seen.length, 0)
      const get = await site.ask('/drop')
      expect([get.status, get.headers['x-sluice-error']]).toEqual([502, 'APP_UNREACHABLE'])
      expect(seen()).toBeGreaterThanOrEqual(2)
      const before = seen()
      const post = await site.ask({ path: '/drop', method: 'POST', body: 'once' })
      expect(post.status).toBe(502)
      expect(seen()).toBe(before + 1)
    },
  },
  {
    name: 'an instance that fails its checks gets no requests until it passes them',
    async run(world) {
      const [ill, well] = [await world.app(), await world.app()]
      const site = await world.serve([ill, well])
      ill.health.ok = false
      await site.untilHealthy([ill], false)
      expect((await site.instance(ill))?.lastCheck).toMatchObject({ ok: false })
      for (let i = 0; i < 8; i++) expect((await site.ask()).json().id).toBe(well.instance.id)
      ill.health.ok = true
      await site.untilHealthy([ill])
      const seen = new Set<string>()
      for (let i = 0; i < 12; i++) seen.add((await site.ask()).json().id)
      expect(seen.size).toBe(2)
    },
  },
  {
    name: 'checks go on for ever',
    async run(world) {
      const app = await world.app()
      const site = await world.serve([app], { health: { intervalMs: 50 } })
      const before = app.health.checks
      await until('ten more checks were made', () => app.health.checks > before + 10)
      expect((await site.instance(app))?.lastCheck?.ok).toBe(true)
    },
  },
  {
    name: 'a candidate without a healthy instance leaves its visitors to the base, and is charged for it',
    async run(world) {
      const [base, candidate] = [await world.app('r1'), await world.app('r2')]
      const site = await world.serve([base, candidate])
      await site.weight(1)
      candidate.health.ok = false
      await site.untilHealthy([candidate], false)
      for (let i = 0; i < 5; i++) expect((await site.ask()).json().release).toBe('r1')
      const bad = await until('the candidate is charged', async () => {
        const { samples } = await world.edge.samples({ environment: site.table.environment })
        const own = samples.filter((sample) => sample.release === 'r2').reduce((sum, sample) => sum + sample.bad, 0)
        return own >= 5 ? own : 0
      })
      expect(bad).toBe(5)
    },
  },
  {
    name: 'pinned preview traffic never falls back to another release',
    async run(world) {
      const [base, candidate] = [await world.app('r1'), await world.app('r2')]
      const site = await world.serve([base, candidate], { limits: { holdMs: 200 } })
      candidate.health.ok = false
      await site.untilHealthy([candidate], false)
      const headers = { 'x-sluice-release': 'r2', 'x-sluice-preview-key': site.table.previewKey }
      expect((await site.ask({ headers })).status).toBe(503)
      expect(base.seen).toEqual([])
    },
  },
]
