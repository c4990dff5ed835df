import { describe, expect, test } from 'vitest'
import type { RouteTable } from '../edge.ts'
import { routeTable, type TestTable } from '../testing/route-tables.ts'
import { backendOf, type Pool, planPool } from './pool.ts'

const instance = (id: string, port: number) => ({ id, host: '127.0.0.1', port })
const user = (release: string, environment = 'test.production') => ({ environment, release, service: 'web' })
const plan = (pool: Pool, table: TestTable, now = 1000) => planPool(pool, [routeTable(table)], now)
const seatsOf = (pool: Pool, release: string) =>
  backendOf(pool, user(release))?.slots.flatMap(({ name, instance: seated }) =>
    seated === null ? [] : [[name, seated.id]],
  )

describe('the pool of backends', () => {
  test('a release keeps its backend and its instances keep their slots', () => {
    const first = plan([], { fleets: { r1: [instance('a', 1), instance('b', 2)] } })
    const second = plan(first, { fleets: { r1: [instance('b', 2), instance('c', 3)], r2: [instance('d', 4)] } })
    expect(backendOf(second, user('r1'))?.name).toBe(backendOf(first, user('r1'))?.name)
    expect(seatsOf(second, 'r1')).toContainEqual(['s2', 'b'])
  })

  test('a new release takes spare backends, so that a row of deployments declares nothing new', () => {
    let pool = plan([], { fleets: { r1: [instance('a', 1)] } })
    const names = pool.map(({ name }) => name)
    for (let release = 2; release < 40; release++) {
      const [old, next] = [`r${release - 1}`, `r${release}`]
      pool = plan(pool, { base: old, fleets: { [old]: [instance(old, 1)], [next]: [instance(next, 2)] } }, release)
      pool = plan(pool, { base: next, fleets: { [next]: [instance(next, 2)] } }, release)
    }
    expect(pool.map(({ name }) => name)).toEqual(names)
  })

  test('what was used last is taken last: late lines of the log still find their owner', () => {
    let pool = plan([], { fleets: { r1: [instance('a', 1)] } })
    const used = backendOf(pool, user('r1'))?.name
    pool = plan(pool, { base: 'r2', fleets: { r2: [instance('b', 1)] } }, 2000)
    expect(backendOf(pool, user('r2'))?.name).not.toBe(used)
    const slot = seatsOf(pool, 'r2')?.[0]?.[0]
    pool = plan(pool, { base: 'r2', fleets: { r2: [instance('c', 1)] } }, 3000)
    expect(seatsOf(pool, 'r2')?.[0]?.[0]).not.toBe(slot)
  })

  test('more instances than slots make slots, and another kind of check makes backends', () => {
    const many = Array.from({ length: 20 }, (_, index) => instance(`i${index}`, index + 1))
    const grown = plan([], { fleets: { r1: many } })
    expect(seatsOf(grown, 'r1')).toHaveLength(20)
    const tcp = plan(grown, { fleets: { r1: many }, health: { path: null } })
    expect(backendOf(tcp, user('r1'))?.kind.check).toBe('tcp')
    const paths: RouteTable[] = [routeTable({ fleets: { r1: many }, health: { path: '/other' } })]
    expect(planPool(grown, paths, 1).map(({ name }) => name)).toEqual(grown.map(({ name }) => name))
  })
})
