import { test } from 'vitest'
import { findHaproxy } from '../src/edge/haproxy/find-haproxy.ts'
import { startHaproxyEdge } from '../src/edge/haproxy/start.ts'
import { localWorld } from '../src/targets/local/local-world.ts'
import { testTarget } from '../src/targets/target.contract.ts'

/** The local target keeps its contract whichever edge is in front of it. */
const haproxy = await findHaproxy({ searchPath: process.env.PATH ?? '' })
if (haproxy !== null || process.env.CI === 'true') {
  testTarget({
    name: 'local, behind HAProxy',
    create: () =>
      localWorld({
        async edge(folder) {
          const edge = await startHaproxyEdge({ directory: `${folder}/edge` })
          return { edge, close: () => edge.close({ stop: true }) }
        },
      }),
  })
} else {
  test.skip('the local target keeps its contract behind HAProxy (haproxy is not installed)', () => {})
}
