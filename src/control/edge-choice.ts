import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Edge } from '../edge/edge.ts'
import { startHaproxyEdge } from '../edge/haproxy/start.ts'
import { startNodeEdge } from '../edge/node/start.ts'
import { writeFileAtomic } from '../support/atomic-file.ts'
import type { Home } from '../support/home.ts'
import type { Log } from '../support/log.ts'

export const edgeChoices = ['node', 'haproxy'] as const
export type EdgeChoice = (typeof edgeChoices)[number]

/** The one place where the edge's implementation is chosen. */
export function startEdge(choice: EdgeChoice, home: Home, log: Log, env: NodeJS.ProcessEnv): Promise<Edge> {
  switch (choice) {
    case 'node':
      return startNodeEdge({ directory: home.edge, log: (line) => log.info(line), env })
    case 'haproxy':
      return startHaproxyEdge({ directory: home.edge, log: (line) => log.info(line), env })
    default:
      return choice satisfies never
  }
}

/** The edge is chosen for the whole installation and remembered: another one only after `sluice down --all`. */
export async function rememberedEdge(home: Home, wanted: EdgeChoice | null): Promise<EdgeChoice> {
  const file = join(home.control, 'edge')
  const remembered = await readFile(file, 'utf8').catch(() => '')
  const choice = wanted ?? edgeChoices.find((name) => name === remembered.trim()) ?? 'node'
  if (choice !== remembered.trim()) await writeFileAtomic(file, choice)
  return choice
}
