import { expect, test } from 'vitest'
import { routeTable } from '../../testing/route-tables.ts'
import { configurationOf } from './configuration.ts'

test('buffers are hardly larger than heads may be, as a retry costs a copy of one for every GET', () => {
  const bufferFor = (headerBytes: number) => {
    const input = {
      tables: [routeTable({ limits: { headerBytes } })],
      pool: [],
      fileLimit: 20_000,
      ipv6: false,
      threads: 1,
      ring: { port: 1, mark: 'm' },
      certificates: new Map(),
    }
    return Number(/tune\.bufsize (\d+)/.exec(configurationOf(input).get('global') ?? '')?.[1])
  }
  expect([4096, 16_384, 65_536].map(bufferFor)).toEqual([16_384, 24_576, 73_728])
})
