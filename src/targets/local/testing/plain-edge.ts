import { Agent, createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import type {
  Drained,
  DrainTarget,
  Edge,
  EdgeInstance,
  EdgeState,
  RoutedInstance,
  RouteTable,
} from '../../../edge/edge.ts'
import { SluiceError } from '../../../model/error.ts'
import { sleep } from '../../../support/clock.ts'
import { probe } from '../instances/probe.ts'

interface Watched extends RoutedInstance {
  readonly release: string
  readonly service: string
  readonly path: string | null
  healthy: boolean
  draining: boolean
  inFlight: number
  streams: number
  requests: number
  lastRequestAt: string | null
}

/** For this folder's tests: the smallest router with real sockets, inside the test's process. Splits per request. */
export class PlainEdge implements Edge {
  readonly capabilities = {
    name: 'plain',
    http2: false,
    trailers: false,
    webSocketRestartCode: false,
    sampleSeconds: 1,
    reactionMs: 1000,
    perInstance: true,
  }
  /** Every table that was applied, oldest first. */
  readonly applied: RouteTable[] = []
  readonly #tables = new Map<string, RouteTable>()
  readonly #instances = new Map<string, Watched>()
  readonly #servers = new Map<number, Server>()
  readonly #agent = new Agent()
  readonly #checking = setInterval(() => void this.#check(), 50)

  async apply(table: RouteTable): Promise<void> {
    const current = this.#tables.get(table.environment)
    if (current !== undefined && table.fence < current.fence) throw new SluiceError('FENCED', 'an older table')
    for (const side of [table.split.base, table.split.candidate]) {
      if (side === null || table.releases.some(({ release }) => release === side)) continue
      throw new SluiceError('EDGE_REFUSED_TABLE', `${side} is not in the table`)
    }
    await this.#listen(table.listeners.http, (incoming, outgoing) =>
      this.#public(table.environment, incoming, outgoing),
    )
    for (const { release, services } of table.releases) {
      for (const { service, internalPort } of services) {
        await this.#listen(internalPort ?? null, (incoming, outgoing) =>
          this.#forward(this.#ready(release, service), incoming, outgoing),
        )
      }
    }
    this.applied.push(table)
    this.#tables.set(table.environment, table)
    this.#watch(table)
    await this.#check()
  }

  async inspect(): Promise<EdgeState> {
    const environments = [...this.#tables.values()].map(({ environment, fence, split, releases }) => ({
      environment,
      fence,
      split,
      hold: [],
      instances: [...this.#instances.values()]
        .filter((each) => releases.some(({ release }) => release === each.release))
        .map(seen),
    }))
    return { pid: process.pid, version: 'plain', startedAt: new Date(0).toISOString(), environments }
  }

  async samples() {
    const samples = [...this.#instances.values()].map((each) => ({
      from: Math.floor(Date.now() / 1000),
      seconds: 1,
      service: each.service,
      release: each.release,
      instance: each.id,
      requests: each.requests,
      bad: 0,
      statusClasses: {},
    }))
    return { samples, cursor: String(Date.now()) }
  }

  async drain(target: DrainTarget, { deadlineMs }: { readonly deadlineMs: number }): Promise<Drained> {
    const begun = performance.now()
    const leaving = [...this.#instances.values()].filter(
      (each) => each.release === target.release && (target.instances?.includes(each.id) ?? true),
    )
    for (const each of leaving) each.draining = true
    const spared = (each: Watched) => (target.until === 'streams' ? each.streams : 0)
    const isBusy = (each: Watched) => each.inFlight > spared(each)
    while (leaving.some(isBusy) && performance.now() - begun < deadlineMs) await sleep(10)
    const left = leaving.reduce((sum, each) => sum + each.inFlight, 0)
    const tookMs = performance.now() - begun
    return target.until === 'streams' ? { cut: 0, left, tookMs } : { cut: left, left: 0, tookMs }
  }

  async hold(): Promise<void> {}

  async close(): Promise<void> {
    clearInterval(this.#checking)
    this.#agent.destroy()
    for (const server of this.#servers.values()) {
      server.close()
      server.closeAllConnections()
    }
  }

  #watch(table: RouteTable): void {
    const named = new Map<string, Watched>()
    for (const { release, services } of table.releases) {
      for (const { service, health, instances } of services) {
        for (const instance of instances) {
          const known = this.#instances.get(instance.id)
          const fresh = { healthy: false, draining: false, inFlight: 0, streams: 0, requests: 0, lastRequestAt: null }
          const same = known?.port === instance.port ? known : fresh
          named.set(instance.id, Object.assign(same, { ...instance, release, service, path: health.path }))
        }
      }
    }
    for (const [id, each] of this.#instances) {
      const isOther = ![...table.releases].some(({ release }) => release === each.release)
      const elsewhere = [...this.#tables.values()].some(
        ({ environment, releases }) =>
          environment !== table.environment && releases.some(({ release }) => release === each.release),
      )
      if (!named.has(id) && !(isOther && elsewhere)) this.#instances.delete(id)
    }
    for (const [id, each] of named) this.#instances.set(id, each)
  }

  async #check(): Promise<void> {
    const { signal } = new AbortController()
    await Promise.all(
      [...this.#instances.values()].map(async (each) => {
        each.healthy = (await probe({ port: each.port, path: each.path, timeoutMs: 1000, signal })).kind === 'ok'
      }),
    )
  }

  #public(environment: string, incoming: IncomingMessage, outgoing: ServerResponse): void {
    const { split, releases } = this.#tables.get(environment) ?? { split: null, releases: [] }
    const release = split === null ? null : Math.random() < split.weight ? split.candidate : split.base
    const service = releases.find((each) => each.release === release)?.services[0]?.service ?? ''
    this.#forward(this.#ready(release ?? '', service), incoming, outgoing)
  }

  #ready(release: string, service: string): Watched | undefined {
    const ready = [...this.#instances.values()].filter(
      (each) => each.release === release && each.service === service && each.healthy && !each.draining,
    )
    return ready[Math.floor(Math.random() * ready.length)]
  }

  #forward(instance: Watched | undefined, incoming: IncomingMessage, outgoing: ServerResponse): void {
    if (instance === undefined) return void outgoing.writeHead(503).end('no instance')
    instance.inFlight++
    instance.requests++
    instance.lastRequestAt = new Date().toISOString()
    const { method, url, headers } = incoming
    const upstream = request(
      { host: instance.host, port: instance.port, agent: this.#agent, method, path: url, headers },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
        if (answer.headers['content-type']?.startsWith('text/event-stream')) {
          instance.streams++
          outgoing.on('close', () => instance.streams--)
        }
        answer.on('error', () => outgoing.destroy()).pipe(outgoing)
      },
    )
    upstream.on('error', () => outgoing.headersSent || outgoing.writeHead(502).end())
    outgoing.on('close', () => instance.inFlight--)
    incoming.pipe(upstream)
  }

  async #listen(
    port: number | null,
    onRequest: (incoming: IncomingMessage, outgoing: ServerResponse) => void,
  ): Promise<void> {
    if (port === null || this.#servers.has(port)) return
    const server = createServer(onRequest)
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause) => reject(new SluiceError('PORT_TAKEN', `port ${port} is taken`, { cause })))
      server.listen(port, '127.0.0.1', resolve)
    })
    this.#servers.set(port, server)
  }
}

function seen(each: Watched): EdgeInstance {
  const { id, release, service, healthy, inFlight, requests, lastRequestAt, draining } = each
  const lastCheck = { at: new Date().toISOString(), ok: healthy, detail: healthy ? 'ok' : 'check failed' }
  return { id, release, service, healthy, lastCheck, inFlight, requests, lastRequestAt, draining }
}
