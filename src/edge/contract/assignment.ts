import { expect } from 'vitest'
import { isForCandidate, visitorIds } from '../assignment.ts'
import type { EdgeCase, Site } from './world.ts'

const page = { accept: 'text/html' }
const asVisitor = (visitor: string) => ({ headers: { cookie: `theme=dark; sluice-visitor=${visitor}` } })

async function releaseOf(site: Site, visitor: string): Promise<string> {
  return (await site.ask(asVisitor(visitor))).json().release
}

export const assignmentCases: readonly EdgeCase[] = [
  {
    name: 'fixed visitors are assigned exactly by the threshold on their hash',
    async run(world) {
      const site = await world.serve([await world.app('r1'), await world.app('r2')])
      const next = visitorIds()
      const visitors = Array.from({ length: 60 }, next)
      for (const weight of [0.3, 0.7]) {
        await site.weight(weight)
        const split = site.table.split
        for (const visitor of visitors) {
          expect(await releaseOf(site, visitor)).toBe(isForCandidate(visitor, split) ? 'r2' : 'r1')
        }
      }
    },
  },
  {
    name: 'of 10,000 random visitors the candidate gets its weight within 2 points',
    async run(world) {
      const [base, candidate] = [await world.app('r1'), await world.app('r2')]
      const site = await world.serve([base, candidate])
      await site.weight(0.2)
      const agent = world.agent()
      const one = async () => {
        for (let i = 0; i < 625; i++) await site.ask({ path: '/status/200', agent })
      }
      await Promise.all(Array.from({ length: 16 }, one))
      const share = candidate.seen.length / (base.seen.length + candidate.seen.length)
      expect(Math.abs(share - 0.2)).toBeLessThan(0.02)
      expect(base.seen.length + candidate.seen.length).toBe(10_000)
    },
  },
  {
    name: 'a rising weight moves visitors forward only, and weight 1 and 0 move all',
    async run(world) {
      const site = await world.serve([await world.app('r1'), await world.app('r2')])
      const next = visitorIds()
      const visitors = Array.from({ length: 30 }, next)
      let moved = new Set<string>()
      for (const weight of [0.1, 0.4, 0.8, 1]) {
        await site.weight(weight)
        const now = new Set<string>()
        for (const visitor of visitors) if ((await releaseOf(site, visitor)) === 'r2') now.add(visitor)
        expect([...moved].filter((visitor) => !now.has(visitor))).toEqual([])
        moved = now
      }
      expect(moved.size).toBe(visitors.length)
      await site.weight(0)
      for (const visitor of visitors) expect(await releaseOf(site, visitor)).toBe('r1')
    },
  },
  {
    name: 'page loads get the visitor cookie, nothing else does',
    async run(world) {
      const site = await world.serve([await world.app()])
      const { headers } = await site.ask({ headers: page })
      expect(headers['set-cookie']).toHaveLength(1)
      expect(headers['set-cookie']?.[0]).toMatch(
        /^sluice-visitor=[0-9a-f]{16}; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Lax$/,
      )
      const cookieOf = async (request: Parameters<Site['ask']>[0]) => (await site.ask(request)).headers['set-cookie']
      expect(await cookieOf({ headers: { 'sec-fetch-mode': 'navigate' } })).toHaveLength(1)
      expect(await cookieOf({})).toBeUndefined()
      expect(await cookieOf({ headers: { ...page, 'sec-fetch-mode': 'cors' } })).toBeUndefined()
      expect(await cookieOf({ headers: page, method: 'POST' })).toBeUndefined()
      expect(await cookieOf({ headers: { ...page, cookie: 'sluice-visitor=0123456789abcdef' } })).toBeUndefined()
    },
  },
  {
    name: 'a visitor stays on the release that the cookie was given on',
    async run(world) {
      const site = await world.serve([await world.app('r1'), await world.app('r2')])
      await site.weight(0.5)
      for (let i = 0; i < 8; i++) {
        const first = await site.ask({ headers: page })
        const cookie = first.headers['set-cookie']?.[0]?.split(';')[0] ?? ''
        for (let j = 0; j < 3; j++) {
          expect((await site.ask({ headers: { cookie } })).json().release).toBe(first.json().release)
        }
      }
    },
  },
  {
    name: 'without stickiness there is no cookie, and one that is brought counts for nothing',
    async run(world) {
      const site = await world.serve([await world.app('r1'), await world.app('r2')], { stickiness: false })
      await site.weight(0.5)
      expect((await site.ask({ headers: page })).headers['set-cookie']).toBeUndefined()
      const seen = new Set<string>()
      for (let i = 0; i < 40; i++) seen.add(await releaseOf(site, '0123456789abcdef'))
      expect(seen).toEqual(new Set(['r1', 'r2']))
    },
  },
  {
    name: 'a request with the preview key names its release, and the application sees neither header',
    async run(world) {
      const site = await world.serve([await world.app('r1'), await world.app('r2')])
      const key = site.table.previewKey
      const pinned = await site.ask({ headers: { 'x-sluice-release': 'r2', 'x-sluice-preview-key': key } })
      expect(pinned.json().release).toBe('r2')
      expect(Object.keys(pinned.json().headers).filter((name) => name.startsWith('x-sluice'))).toEqual([])
      const wrong = await site.ask({ headers: { 'x-sluice-release': 'r2', 'x-sluice-preview-key': 'wrong' } })
      expect(wrong.json().release).toBe('r1')
      expect(Object.keys(wrong.json().headers).filter((name) => name.startsWith('x-sluice'))).toEqual([])
      const without = await site.ask({ headers: { 'x-sluice-release': 'r2' } })
      expect(without.json().release).toBe('r1')
      const unknown = await site.ask({ headers: { 'x-sluice-release': 'r9', 'x-sluice-preview-key': key } })
      expect([unknown.status, unknown.headers['x-sluice-error']]).toEqual([404, 'RELEASE_UNKNOWN'])
    },
  },
  {
    name: 'answers name the release that gave them',
    async run(world) {
      const site = await world.serve([await world.app('r1'), await world.app('r2')])
      expect((await site.ask()).headers['x-sluice-release']).toBe('r1')
      await site.weight(1)
      expect((await site.ask()).headers['x-sluice-release']).toBe('r2')
    },
  },
]
