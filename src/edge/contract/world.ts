import { mkdtemp, rm } from 'node:fs/promises'
import { Agent } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../support/testing/free-port.ts'
import type { Edge, EdgeEnvironment, EdgeInstance, RouteTable } from '../edge.ts'
import { type Answer, type Ask, ask } from '../testing/http-client.ts'
import { routeTable, type TestTable } from '../testing/route-tables.ts'
import { startTestApp, type TestApp } from '../testing/test-app.ts'
import { until } from './until.ts'

/** One rule that every edge keeps, or for which its suite states why it cannot. */
export interface EdgeCase {
  /** A sentence; suites name it to skip it. */
  readonly name: string
  readonly run: (world: World) => Promise<void>
}

export interface ServeOptions extends Omit<TestTable, 'fleets' | 'environment'> {
  /** Last word on the table. */
  readonly change?: (table: RouteTable) => RouteTable
}

/** What a case may use: an edge that it shares with other cases, and applications, environments and ports of its own. */
export class World {
  readonly edge: Edge
  /** Starts an edge of this case alone; stopped at its end. */
  readonly ownEdge: () => Promise<{ edge: Edge; directory: string; readonly restart: () => Promise<Edge> }>
  readonly #create: (directory: string) => Promise<Edge>
  readonly #cleanUps: (() => Promise<unknown>)[] = []
  #apps = 0

  constructor(edge: Edge, create: (directory: string) => Promise<Edge>) {
    this.edge = edge
    this.#create = create
    this.ownEdge = () => this.#startEdge()
  }

  async folder(): Promise<string> {
    const directory = await mkdtemp(join(tmpdir(), 'sluice-edge-'))
    this.atEnd(() => rm(directory, { recursive: true, force: true }))
    return directory
  }

  freePort(): Promise<number> {
    return freePort()
  }

  ask(request: Ask): Promise<Answer> {
    return ask(request)
  }

  async app(release = 'r1'): Promise<TestApp> {
    const app = await startTestApp({ id: `${release}-web-${++this.#apps}`, release })
    this.atEnd(() => app.kill())
    return app
  }

  agent(): Agent {
    const agent = new Agent({ keepAlive: true })
    this.atEnd(async () => agent.destroy())
    return agent
  }

  /** Puts an environment of these applications on a port of its own and waits until all of them are seen healthy. */
  async serve(apps: readonly TestApp[], options: ServeOptions = {}): Promise<Site> {
    const edge = this.edge
    const site = new Site(edge, await this.table(apps, options))
    this.atEnd(() => site.remove())
    await edge.apply(site.table)
    await site.untilHealthy(apps)
    return site
  }

  async table(apps: readonly TestApp[], options: ServeOptions = {}): Promise<RouteTable> {
    const { change = (table) => table, ...rest } = options
    const fleets: Record<string, TestApp['instance'][]> = {}
    for (const app of apps) (fleets[app.release] ??= []).push(app.instance)
    const environment = `test${Math.random().toString(36).slice(2, 10)}.production`
    return change(routeTable({ environment, fleets, http: await freePort(), ...rest }))
  }

  atEnd(cleanUp: () => Promise<unknown>): void {
    this.#cleanUps.unshift(cleanUp)
  }

  async end(): Promise<void> {
    for (const cleanUp of this.#cleanUps.splice(0)) await cleanUp()
  }

  async #startEdge() {
    const directory = await this.folder()
    let edge = await this.#create(directory)
    this.atEnd(() => edge.close({ stop: true }).catch(() => {}))
    return {
      edge,
      directory,
      restart: async () => {
        edge = await this.#create(directory)
        return edge
      },
    }
  }
}

/** One environment of an edge as its users and its control plane see it. */
export class Site {
  readonly edge: Edge
  table: RouteTable

  constructor(edge: Edge, table: RouteTable) {
    this.edge = edge
    this.table = table
  }

  get port(): number {
    return this.table.listeners.http ?? 0
  }

  ask(request: string | Omit<Ask, 'port'> = {}): Promise<Answer> {
    return ask({ port: this.port, ...(typeof request === 'string' ? { path: request } : request) })
  }

  async apply(change: Partial<RouteTable>): Promise<void> {
    const table = { ...this.table, ...change }
    await this.edge.apply(table)
    this.table = table
  }

  weight(weight: number, candidate = 'r2'): Promise<void> {
    return this.apply({ split: { ...this.table.split, candidate, weight } })
  }

  async inspect(): Promise<EdgeEnvironment> {
    const state = await this.edge.inspect()
    const found = state.environments.find(({ environment }) => environment === this.table.environment)
    if (found === undefined) throw new Error(`the edge does not know ${this.table.environment}`)
    return found
  }

  async instance(app: TestApp): Promise<EdgeInstance | undefined> {
    return (await this.inspect()).instances.find(({ id }) => id === app.instance.id)
  }

  untilHealthy(apps: readonly TestApp[], healthy = true): Promise<unknown> {
    return until(`${apps.length} instances are ${healthy ? 'healthy' : 'unhealthy'}`, async () => {
      const { instances } = await this.inspect()
      return apps.every((app) => instances.find(({ id }) => id === app.instance.id)?.healthy === healthy)
    })
  }

  async remove(): Promise<void> {
    const listeners = { http: null, https: null, redirectToHttps: false }
    const split = { ...this.table.split, base: null, candidate: null, weight: 0 }
    await this.apply({ listeners, split, releases: [], assets: [] }).catch(() => {})
  }
}
