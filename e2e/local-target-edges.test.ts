import { afterAll, describe, test } from 'vitest'
import type { Edge } from '../src/edge/edge.ts'
import { findHaproxy } from '../src/edge/haproxy/program/find-haproxy.ts'
import { startHaproxyEdge } from '../src/edge/haproxy/start.ts'
import { startNodeEdge } from '../src/edge/node/start.ts'
import { temporaryFolder } from '../src/targets/local/testing/fixture.ts'
import { localWorld } from '../src/targets/local/testing/local-world.ts'
import { testTarget } from '../src/targets/target.contract.ts'

/** The local target keeps its contract whichever edge is in front of it. */
function testBehind(
  name: string,
  start: (directory: string) => Promise<Edge>,
  skip: { readonly test: string; readonly reason: string }[] = [],
): void {
  describe(name, () => {
    let worlds = 0
    let starting: Promise<{ edge: Edge; remove: () => Promise<void> }> | undefined
    const startOnce = async () => {
      const { path, remove } = await temporaryFolder()
      return { edge: await start(`${path}/edge`), remove }
    }
    testTarget({
      name: `local, behind ${name}`,
      skip,
      create: () =>
        localWorld({
          // One edge for all cases, as on a machine with many environments.
          name: `shop${++worlds}.test`,
          edge: async () => ({ edge: (await (starting ??= startOnce())).edge, close: async () => {} }),
        }),
    })
    afterAll(async () => {
      const started = await starting
      await started?.edge.close({ stop: true })
      await started?.remove()
    })
  })
}

testBehind('the Node edge', (directory) => startNodeEdge({ directory }))

const haproxy = await findHaproxy({ searchPath: process.env.PATH ?? '' })
if (haproxy !== null || process.env.CI === 'true') {
  testBehind('HAProxy', (directory) => startHaproxyEdge({ directory }), [
    {
      test: 'while all instances are killed, requests wait for them to come back, and none fails',
      reason:
        'HAProxy answers 503 to what it was just forwarding when all of several instances died; what comes later waits, see the holds of the edge contract',
    },
  ])
} else {
  test.skip('the local target keeps its contract behind HAProxy (haproxy is not installed)', () => {})
}
