import { describe, expect, test } from 'vitest'
import { routeTable } from '../../testing/route-tables.ts'
import { planPool } from '../pool.ts'
import { type Maps, mapChanges, mapsOf } from './maps.ts'

const instance = (id: string) => ({ id, host: '127.0.0.1', port: 1 })

function mapsFor(...options: Parameters<typeof routeTable>[0][]): Maps {
  const tables = options.map((each) => routeTable(each))
  return mapsOf({ tables, holds: [], pool: planPool([], tables, 1), assetPaths: new Map() })
}

describe('the maps', () => {
  test('a split is one value, so that no request sees half a switch', () => {
    const split = { base: 'r1', candidate: 'r2', weight: 0.25, salt: 'd|1' }
    const maps = mapsFor({ split, fleets: { r1: [instance('a')], r2: [instance('b')] } })
    expect([...maps.split]).toEqual([['test.production', 's--|2500|r1|r2|d|1']])
  })

  test('what is new comes before the split that leads to it, what is gone goes after', () => {
    const before = mapsFor({ fleets: { r1: [instance('a')] } })
    const after = mapsFor({ base: 'r2', fleets: { r2: [instance('b')] } })
    const changes = mapChanges(before, after).map(({ map, key, value }) => [map, key, value !== null])
    const at = (map: string, key: string) => changes.findIndex((change) => change[0] === map && change[1] === key)
    const split = at('split', 'test.production')
    expect(at('routes', 'test.production|r2|*|/')).toBeLessThan(split)
    expect(at('routes', 'test.production|r1|*|/')).toBeGreaterThan(split)
    expect(at('hosts', '8080|*|/')).toBe(-1)
    expect(mapChanges(after, after)).toEqual([])
  })
})
