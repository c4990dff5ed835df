import { describe, expect, test } from 'vitest'
import { SluiceError } from '../model/error.ts'
import type { RouteTable } from './edge.ts'
import { assertApplicable } from './table.ts'
import { routedService, routeTable } from './testing/route-tables.ts'

function refusal(next: RouteTable, inForce: readonly RouteTable[] = []): SluiceError | null {
  try {
    assertApplicable(next, new Map(inForce.map((table) => [table.environment, table])))
    return null
  } catch (error) {
    if (error instanceof SluiceError) return error
    throw error
  }
}

const table = routeTable({ environment: 'shop.production', http: 8080 })

describe('a route table', () => {
  test('that is sound is applicable', () => {
    expect(refusal(table)).toBeNull()
  })

  test('with a lower fence than the one in force is refused, an equal or higher one is not', () => {
    expect(refusal({ ...table, fence: 4 }, [{ ...table, fence: 5 }])?.code).toBe('FENCED')
    expect(refusal({ ...table, fence: 5 }, [{ ...table, fence: 5 }])).toBeNull()
    expect(refusal({ ...table, fence: 6 }, [{ ...table, fence: 5 }])).toBeNull()
  })

  test('with several faults is refused with all of them at once', () => {
    const error = refusal({
      ...table,
      listeners: { http: 99_999, https: 443, redirectToHttps: false },
      split: { base: 'nowhere', candidate: null, weight: 2, salt: '' },
    })
    expect(error?.code).toBe('EDGE_REFUSED_TABLE')
    expect(error?.problems.map((problem) => problem.path)).toEqual([
      'listeners.http',
      'certificates',
      'split.base',
      'split.weight',
      'split.weight',
    ])
  })

  test('that is no table at all is refused', () => {
    expect(refusal({ environment: 'x' } as RouteTable)?.code).toBe('EDGE_REFUSED_TABLE')
  })

  test('with one route for two services of a release is refused', () => {
    const both = [routedService({ service: 'web' }), routedService({ service: 'api' })]
    const error = refusal({ ...table, releases: [{ release: 'r1', services: both }] })
    expect(error?.code).toBe('EDGE_REFUSED_TABLE')
  })

  test('may share a listener with another environment, not a route on it', () => {
    const other = routeTable({ environment: 'blog.production', http: 8080, host: 'blog.example' })
    expect(refusal(other, [table])).toBeNull()
    const same = routeTable({ environment: 'blog.production', http: 8080 })
    expect(refusal(same, [table])?.code).toBe('ROUTE_CONFLICT')
    expect(refusal(routeTable({ environment: 'blog.production', http: 8081 }), [table])).toBeNull()
  })

  test('may not use a port in two ways', () => {
    const services = [routedService({ service: 'web', internalPort: 8080 })]
    const error = refusal({ ...table, releases: [{ release: 'r1', services }] })
    expect(error?.code).toBe('ROUTE_CONFLICT')
    expect(error?.message).toContain('port 8080')
  })
})
