import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { assignmentCases } from './contract/assignment.ts'
import { drainCases } from './contract/drain.ts'
import { failureCases } from './contract/failures.ts'
import { holdCases } from './contract/hold.ts'
import { httpCases } from './contract/http.ts'
import { limitCases } from './contract/limits.ts'
import { routingCases } from './contract/routing.ts'
import { sampleCases } from './contract/samples.ts'
import { staticCases } from './contract/static.ts'
import { streamingCases } from './contract/streaming.ts'
import { survivalCases } from './contract/survival.ts'
import { tlsCases } from './contract/tls.ts'
import { webSocketCases } from './contract/websocket.ts'
import { type EdgeCase, World } from './contract/world.ts'
import type { Edge } from './edge.ts'

export interface EdgeSuite {
  readonly name: string
  /** Starts the edge process of a folder, or adopts the one that lives there. */
  readonly create: (options: { readonly directory: string }) => Promise<Edge>
  /** Cases that this edge cannot keep, by their names, with the reason. */
  readonly skip?: readonly { readonly cases: readonly string[]; readonly reason: string }[]
}

const groups: Readonly<Record<string, readonly EdgeCase[]>> = {
  routing: routingCases,
  assignment: assignmentCases,
  http: httpCases,
  streaming: streamingCases,
  websockets: webSocketCases,
  limits: limitCases,
  failures: failureCases,
  hold: holdCases,
  drain: drainCases,
  samples: sampleCases,
  static: staticCases,
  tls: tlsCases,
  survival: survivalCases,
}

/** Every edge keeps these rules, with real sockets and processes. */
export function testEdge({ name, create, skip = [] }: EdgeSuite): void {
  const excuses = new Map(skip.flatMap(({ cases, reason }) => cases.map((title) => [title, reason] as const)))

  describe(`the ${name} edge`, () => {
    let directory: string
    let edge: Edge
    beforeAll(async () => {
      directory = await mkdtemp(join(tmpdir(), 'sluice-edge-'))
      edge = await create({ directory })
    })
    afterAll(async () => {
      await edge?.close({ stop: true })
      await rm(directory, { recursive: true, force: true, maxRetries: 5 })
    })

    for (const [group, cases] of Object.entries(groups)) {
      describe(group, () => {
        for (const { name: title, run } of cases) {
          const excuse = excuses.get(title)
          if (excuse !== undefined) {
            test.skip(`${title} (not by this edge: ${excuse})`, () => {})
            continue
          }
          test(title, async () => {
            const world = new World(edge, (folder) => create({ directory: folder }))
            try {
              await run(world)
            } finally {
              await world.end()
            }
          })
        }
      })
    }

    test('the suite skips only cases that exist', () => {
      const known = new Set(Object.values(groups).flatMap((cases) => cases.map((each) => each.name)))
      expect([...excuses.keys()].filter((title) => !known.has(title))).toEqual([])
    })
  })
}
