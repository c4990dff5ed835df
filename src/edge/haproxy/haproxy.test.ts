import { test } from 'vitest'
import { testEdge } from '../edge.contract.ts'
import { findHaproxy } from './find-haproxy.ts'
import { startHaproxyEdge } from './start.ts'

const found = await findHaproxy({ searchPath: process.env['PATH'] ?? '' })
if (found !== null || process.env['CI'] === 'true') {
  testEdge({
    name: 'HAProxy',
    create: ({ directory }) => startHaproxyEdge({ directory }),
    skip: [],
  })
} else {
  test.skip('the HAProxy edge keeps the contract (haproxy is not installed)', () => {})
}
