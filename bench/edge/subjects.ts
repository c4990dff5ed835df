import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Edge } from '../../src/edge/edge.ts'
import { startHaproxyEdge } from '../../src/edge/haproxy/start.ts'
import { startNodeEdge } from '../../src/edge/node/start.ts'
import { routeTable } from '../../src/edge/testing/route-tables.ts'
import { startTimeOf } from '../../src/support/process-identity.ts'
import { run } from '../../src/support/run.ts'
import { freePort } from '../../src/support/testing/free-port.ts'
import { EDGE_CORE, pin, pinned, program, stop, untilListening } from './processes.ts'

/** What is measured: something that answers on a port, and the processes whose time it costs. */
export interface Subject {
  readonly name: string
  readonly port: number
  readonly pids: readonly number[]
  end(): Promise<void>
}

export type Start = (origins: readonly number[], env?: NodeJS.ProcessEnv) => Promise<Subject>

export const subjects: Readonly<Record<string, Start>> = {
  direct: async ([port = 0]) => ({ name: 'direct', port, pids: [], end: async () => {} }),
  haproxy: plainHaproxy,
  undici: undiciProxy,
  node: (origins, env = process.env) =>
    edgeSubject('Node edge', (directory) => startNodeEdge({ directory, env }), origins),
  'haproxy-edge': (origins) => edgeSubject('HAProxy edge', (directory) => startHaproxyEdge({ directory }), origins),
}

async function plainHaproxy(origins: readonly number[]): Promise<Subject> {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-bench-'))
  const port = await freePort()
  const servers = origins.map((origin, index) => `  server s${index} 127.0.0.1:${origin}`)
  await writeFile(
    join(directory, 'haproxy.cfg'),
    [
      'global',
      '  maxconn 4000',
      '  nbthread 1',
      'defaults',
      '  mode http',
      '  timeout client 60s',
      '  timeout server 60s',
      '  timeout connect 5s',
      'frontend f',
      `  bind 127.0.0.1:${port}`,
      '  default_backend b',
      'backend b',
      ...servers,
      '',
    ].join('\n'),
  )
  const child = pinned(EDGE_CORE, ['haproxy', '-f', join(directory, 'haproxy.cfg')])
  await untilListening(port)
  const end = async () => {
    await stop(child)
    await rm(directory, { recursive: true, force: true })
  }
  return { name: 'plain HAProxy', port, pids: [child.pid ?? 0], end }
}

/** What a proxy on undici costs that does nothing else at all: no routing, no counting, no header rules. */
async function undiciProxy([origin = 0]: readonly number[]): Promise<Subject> {
  const port = await freePort()
  const child = pinned(EDGE_CORE, [process.execPath, program('bare-undici.ts'), String(port), String(origin)])
  await untilListening(port)
  return { name: 'bare undici proxy', port, pids: [child.pid ?? 0], end: () => stop(child) }
}

/** An edge with everything on: two releases, weights, cookies, health checks, samples, limits. */
async function edgeSubject(
  name: string,
  start: (directory: string) => Promise<Edge>,
  origins: readonly number[],
): Promise<Subject> {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-bench-'))
  const edge = await start(directory)
  const port = await freePort()
  const fleets = Object.fromEntries(
    ['r1', 'r2'].map((release, index) => [
      release,
      [{ id: `${release}-web-1`, host: '127.0.0.1', port: origins[index] ?? origins[0] ?? 0 }],
    ]),
  )
  const split = { base: 'r1', candidate: 'r2', weight: 0.5, salt: 'd1' }
  await edge.apply(routeTable({ http: port, fleets, split, health: { path: '/', intervalMs: 1000 } }))
  await untilHealthy(edge)
  const { pid } = await edge.inspect()
  const pids = [pid, ...(await childrenOf(pid))]
  for (const each of pids) await pin(each, EDGE_CORE)
  const end = async () => {
    await edge.close({ stop: true })
    while (pids.some((each) => startTimeOf(each) !== null)) await sleep(20)
    await rm(directory, { recursive: true, force: true, maxRetries: 5 })
  }
  return { name, port, pids, end }
}

async function untilHealthy(edge: Edge): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    const { environments } = await edge.inspect()
    if (environments.every(({ instances }) => instances.length > 0 && instances.every(({ healthy }) => healthy))) return
    await sleep(25)
  }
  throw new Error('the instances never became healthy')
}

async function childrenOf(pid: number): Promise<number[]> {
  const { stdout } = await run(['ps', '-eo', 'pid=,ppid='], { timeoutMs: 5000, env: process.env })
  const pairs = stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
  const children = pairs.filter(([, parent]) => parent === pid).map(([child = 0]) => child)
  return [...children, ...(await Promise.all(children.map(childrenOf))).flat()]
}
