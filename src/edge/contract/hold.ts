import { expect } from 'vitest'
import { openRequest } from './streaming.ts'
import { until } from './until.ts'
import type { EdgeCase } from './world.ts'

export const holdCases: readonly EdgeCase[] = [
  {
    name: 'requests wait while an instance is not ready yet, and are answered when it is',
    async run(world) {
      const app = await world.app()
      app.health.ok = false
      const table = await world.table([app])
      await world.edge.apply(table)
      const answer = world.ask({ port: table.listeners.http ?? 0 })
      await until('it was checked in vain', () => app.health.checks > 2)
      expect(app.seen).toEqual([])
      app.health.ok = true
      expect((await answer).json().id).toBe(app.instance.id)
      await world.edge.apply({ ...table, listeners: { http: null, https: null, redirectToHttps: false } })
    },
  },
  {
    name: 'an application that restarts costs no request',
    async run(world) {
      const app = await world.app()
      const site = await world.serve([app])
      await app.kill()
      const answers = Promise.all([site.ask(), site.ask({ method: 'POST', body: 'x' }), site.ask('/x')])
      await until('the edge has seen that it is gone', async () => (await site.instance(app))?.healthy === false)
      await app.revive()
      for (const answer of await answers) expect(answer.json().id).toBe(app.instance.id)
    },
  },
  {
    name: 'a hold lets requests wait and its end lets them go',
    async run(world) {
      const app = await world.app()
      const site = await world.serve([app])
      const { environment } = site.table
      await world.edge.hold({ environment, service: 'web', mode: 'wait' })
      expect((await site.inspect()).hold).toEqual([{ service: 'web', mode: 'wait' }])
      const waiting = [site.ask(), site.ask()]
      const gone = openRequest(site, '/gone')
      await new Promise((resolve) => setTimeout(resolve, 1000))
      expect(app.seen).toEqual([])
      gone.abort()
      await until('the edge has noticed the abort', () => gone.seen.broken)
      await world.edge.hold({ environment, service: 'web', mode: 'off' })
      for (const answer of await Promise.all(waiting)) expect(answer.status).toBe(200)
      expect((await site.inspect()).hold).toEqual([])
      expect(app.seen.map((seen) => seen.url)).not.toContain('/gone')
    },
  },
  {
    name: 'a hold of one service leaves the others, and of services that are all held one may serve',
    async run(world) {
      const site = await world.serve([await world.app()])
      const { environment } = site.table
      const held = async () => (await site.inspect()).hold
      await world.edge.hold({ environment, service: 'web', mode: 'maintenance' })
      await world.edge.hold({ environment, service: 'api', mode: 'wait' })
      expect((await site.ask()).status).toBe(503)
      await world.edge.hold({ environment, service: 'web', mode: 'off' })
      expect((await site.ask()).status).toBe(200)
      expect(await held()).toEqual([{ service: 'api', mode: 'wait' }])
      await world.edge.hold({ environment, mode: 'maintenance' })
      expect((await site.ask()).status).toBe(503)
      await world.edge.hold({ environment, service: 'web', mode: 'off' })
      expect((await site.ask()).status).toBe(200)
      await world.edge.hold({ environment, service: 'web', mode: 'maintenance' })
      expect((await site.ask()).status).toBe(503)
      await world.edge.hold({ environment, mode: 'off' })
      expect((await site.ask()).status).toBe(200)
      expect(await held()).toEqual([])
    },
  },
  {
    name: 'a hold goes to the release of the moment when it ends',
    async run(world) {
      const site = await world.serve([await world.app('r1'), await world.app('r2')])
      const { environment } = site.table
      await world.edge.hold({ environment, mode: 'wait' })
      const waiting = site.ask()
      await site.apply({ split: { base: 'r2', candidate: null, weight: 0, salt: '' } })
      await world.edge.hold({ environment, mode: 'off' })
      expect((await waiting).json().release).toBe('r2')
    },
  },
  {
    name: 'a wait ends with 503 at its limit, and a full queue refuses at once',
    async run(world) {
      const site = await world.serve([await world.app()], { limits: { holdMs: 1500, holdQueue: 2 } })
      await world.edge.hold({ environment: site.table.environment, mode: 'wait' })
      const answers = await Promise.all([site.ask(), site.ask(), site.ask()])
      expect(answers.map(({ status }) => status)).toEqual([503, 503, 503])
      const codes = answers.map(({ headers }) => headers['x-sluice-error'])
      expect(codes.filter((code) => code === 'HOLD_TIMEOUT')).toHaveLength(2)
      expect(codes).toContain('HOLD_QUEUE_FULL')
    },
  },
  {
    name: 'maintenance answers 503 with a page for people',
    async run(world) {
      const app = await world.app()
      const site = await world.serve([app])
      const { environment } = site.table
      await world.edge.hold({ environment, mode: 'maintenance' })
      const page = await site.ask({ headers: { accept: 'text/html' } })
      expect([page.status, page.headers['x-sluice-error']]).toEqual([503, 'MAINTENANCE'])
      expect(page.headers['retry-after']).toBeDefined()
      expect(page.headers['content-type']).toContain('text/html')
      expect(app.seen).toEqual([])
      await world.edge.hold({ environment, mode: 'off' })
      expect((await site.ask()).status).toBe(200)
    },
  },
]
