import { expect } from 'vitest'
import { routedService } from '../testing/route-tables.ts'
import type { EdgeCase } from './world.ts'

export const routingCases: readonly EdgeCase[] = [
  {
    name: 'a request reaches the application with its method, path and query untouched',
    async run(world) {
      const site = await world.serve([await world.app()])
      const { status, headers, json } = await site.ask({ method: 'PUT', path: '/a%20b/?x=%2F&y', body: 'text' })
      expect(status).toBe(200)
      expect(headers['x-app']).toBe('yes')
      expect(json()).toMatchObject({ method: 'PUT', url: '/a%20b/?x=%2F&y' })
    },
  },
  {
    name: 'hosts and path prefixes lead to their services',
    async run(world) {
      const [web, api, shop] = [await world.app(), await world.app(), await world.app()]
      const site = await world.serve([web, api, shop], {
        change: (table) => ({
          ...table,
          releases: [
            {
              release: 'r1',
              services: [
                routedService({ service: 'web', instances: [web.instance] }),
                routedService({ service: 'api', routes: [{ path: '/api' }], instances: [api.instance] }),
                routedService({
                  service: 'shop',
                  routes: [{ host: 'shop.example', path: '/' }],
                  instances: [shop.instance],
                }),
              ],
            },
          ],
        }),
      })
      const who = async (path: string, host = 'www.example') => (await site.ask({ path, headers: { host } })).json().id
      expect(await who('/')).toBe(web.instance.id)
      expect(await who('/api/users?x=1')).toBe(api.instance.id)
      expect(await who('/apiary')).toBe(web.instance.id)
      expect(await who('/api', 'SHOP.example:81')).toBe(shop.instance.id)
    },
  },
  {
    name: 'environments share a listener by host, and have listeners of their own',
    async run(world) {
      const [one, two, three] = [await world.app(), await world.app(), await world.app()]
      const first = await world.serve([one], { host: 'one.example' })
      await world.serve([two], { host: 'two.example', http: first.port })
      const third = await world.serve([three])
      const who = async (host: string) => (await first.ask({ headers: { host } })).json().id
      expect([await who('one.example'), await who('two.example')]).toEqual([one.instance.id, two.instance.id])
      expect((await third.ask()).json().id).toBe(three.instance.id)
      const nobody = await first.ask({ headers: { host: 'three.example' } })
      expect([nobody.status, nobody.headers['x-sluice-error']]).toEqual([404, 'ROUTE_NOT_FOUND'])
    },
  },
  {
    name: 'a refused table changes nothing: lower fence, conflict, impossible',
    async run(world) {
      const app = await world.app()
      const site = await world.serve([app], { fence: 5 })
      const other = await world.table([app], { http: site.port })
      await expect(world.edge.apply({ ...site.table, fence: 4, releases: [] })).rejects.toMatchObject({
        code: 'FENCED',
      })
      await expect(world.edge.apply(other)).rejects.toMatchObject({ code: 'ROUTE_CONFLICT' })
      const split = { ...site.table.split, base: 'nowhere' }
      await expect(world.edge.apply({ ...site.table, split })).rejects.toMatchObject({ code: 'EDGE_REFUSED_TABLE' })
      expect((await site.ask()).status).toBe(200)
      expect(await site.inspect()).toMatchObject({ fence: 5, split: { base: 'r1' } })
      expect((await world.edge.inspect()).environments.map((e) => e.environment)).not.toContain(other.environment)
    },
  },
  {
    name: 'a port that a stranger holds is PORT_TAKEN and changes nothing',
    async run(world) {
      const app = await world.app()
      const site = await world.serve([app])
      const stranger = await world.app()
      const listeners = { ...site.table.listeners, http: stranger.instance.port }
      await expect(site.apply({ listeners })).rejects.toMatchObject({ code: 'PORT_TAKEN' })
      expect((await site.ask()).json().id).toBe(app.instance.id)
    },
  },
  {
    name: 'the internal port of a release balances over this release only',
    async run(world) {
      const [one, two, other] = [await world.app('r1'), await world.app('r1'), await world.app('r2')]
      const ports = [await world.freePort(), await world.freePort()]
      const site = await world.serve([one, two, other], {
        change: (table) => ({
          ...table,
          releases: table.releases.map((release, index) => ({
            ...release,
            services: release.services.map((service) => ({ ...service, internalPort: ports[index] ?? 0 })),
          })),
        }),
      })
      await site.weight(1)
      const seen = new Set<string>()
      for (let i = 0; i < 6; i++) seen.add((await world.ask({ port: ports[0] ?? 0, path: '/' })).json().id)
      expect(seen).toEqual(new Set([one.instance.id, two.instance.id]))
      expect((await world.ask({ port: ports[1] ?? 0 })).json().id).toBe(other.instance.id)
    },
  },
  {
    name: 'requests are spread over the instances of a release',
    async run(world) {
      const apps = [await world.app(), await world.app(), await world.app()]
      const site = await world.serve(apps)
      for (let i = 0; i < 30; i++) await site.ask()
      for (const app of apps) expect(app.seen.length).toBeGreaterThanOrEqual(5)
    },
  },
]
