import type { RouteTable } from '../../edge.ts'
import type { EdgeLimits } from '../../edge-settings.ts'
import { type RouteIndex, routeIndex } from '../../route-index.ts'
import type { Tables } from '../../table.ts'
import type { Entrance } from '../core.ts'
import type { Certificates } from './certificates.ts'
import { Listener, type ListenerHandlers } from './listener.ts'

/** What a port is for, as the tables of all environments together say. */
export interface Port {
  readonly port: number
  readonly entrance: Entrance
  readonly limits: EdgeLimits
  /** Finds the environment of a request. */
  readonly index: RouteIndex<string>
}

/** All ports that the tables ask for. Limits of a shared port are the most generous of its environments. */
export function portsOf(tables: Tables): ReadonlyMap<number, Port> {
  const ports = new Map<number, Port>()
  const public_ = new Map<number, { readonly isSecure: boolean; readonly tables: RouteTable[] }>()
  for (const table of tables.values()) {
    for (const [port, isSecure] of [
      [table.listeners.http, false],
      [table.listeners.https, true],
    ] as const) {
      if (port === null) continue
      const known = public_.get(port)
      if (known === undefined) public_.set(port, { isSecure, tables: [table] })
      else known.tables.push(table)
    }
    for (const { release, services } of table.releases) {
      for (const { service, internalPort } of services) {
        if (internalPort === undefined) continue
        const index = routeIndex([{ route: { path: '/' }, target: table.environment }])
        const entrance = { isSecure: false, internal: { release, service } }
        ports.set(internalPort, { port: internalPort, entrance, limits: table.limits, index })
      }
    }
  }
  for (const [port, { isSecure, tables: sharing }] of public_) {
    const entries = sharing.flatMap((table) => {
      const routes = table.releases.flatMap((release) => release.services.flatMap((service) => service.routes))
      return routes.map((route) => ({ route, target: table.environment }))
    })
    const limits = sharing.map((table) => table.limits).reduce(widest)
    ports.set(port, { port, entrance: { isSecure }, limits, index: routeIndex(entries) })
  }
  return ports
}

function widest(a: EdgeLimits, b: EdgeLimits): EdgeLimits {
  const widened = Object.entries(a).map(([name, value]) => [name, Math.max(value, b[name as keyof EdgeLimits])])
  return Object.fromEntries(widened) as EdgeLimits
}

/** The listening sockets of the edge: opened before a table takes effect, closed after. */
export class Listeners {
  readonly #open = new Map<number, Listener>()
  /** Closed to new connections, with some still open. */
  readonly #closing = new Set<Listener>()
  readonly #certificates: Certificates
  readonly #handlersFor: (port: number) => ListenerHandlers
  readonly #inherited: Map<number, number>

  constructor(options: {
    readonly certificates: Certificates
    readonly handlersFor: (port: number) => ListenerHandlers
    /** Descriptors by port. */
    readonly inherited: ReadonlyMap<number, number>
  }) {
    this.#certificates = options.certificates
    this.#handlersFor = options.handlersFor
    this.#inherited = new Map(options.inherited)
  }

  get all(): readonly Listener[] {
    return [...this.#open.values(), ...this.#closing]
  }

  /** Opens what is missing, all or nothing: throws `PORT_TAKEN`. The result takes effect by `use`. */
  async open(ports: ReadonlyMap<number, Port>): Promise<readonly Listener[]> {
    const opened: Listener[] = []
    try {
      for (const port of ports.values()) {
        const known = this.#open.get(port.port)
        if (known?.settings.isSecure === port.entrance.isSecure) continue
        // A port that changes its kind must be free before it can be opened again.
        if (known !== undefined) this.#retire(known)
        const listener = this.#listenerFor(port)
        await listener.listen()
        opened.push(listener)
      }
      return opened
    } catch (error) {
      for (const listener of opened) listener.stopListening()
      throw error
    }
  }

  use(ports: ReadonlyMap<number, Port>, opened: readonly Listener[]): void {
    for (const listener of opened) this.#open.set(listener.settings.port, listener)
    for (const [port, listener] of this.#open) {
      const wanted = ports.get(port)
      if (wanted === undefined) this.#retire(listener)
      else listener.limits = wanted.limits
    }
  }

  check(nowMs: number): void {
    for (const listener of this.#open.values()) listener.check(nowMs)
    for (const listener of this.#closing) {
      listener.check(nowMs)
      if (listener.connections === 0) this.#closing.delete(listener)
    }
  }

  /** Descriptor of each listening socket by its port. */
  descriptors(): ReadonlyMap<number, number> {
    return new Map([...this.#open].map(([port, listener]) => [port, listener.descriptor]))
  }

  stopListening(): void {
    for (const listener of this.#open.values()) this.#retire(listener)
  }

  #listenerFor(port: Port): Listener {
    const descriptor = this.#inherited.get(port.port)
    this.#inherited.delete(port.port)
    return new Listener(
      {
        port: port.port,
        ...(port.entrance.internal === undefined ? {} : { host: '127.0.0.1' }),
        isSecure: port.entrance.isSecure,
        certificates: this.#certificates,
        ...(descriptor === undefined ? {} : { descriptor }),
      },
      port.limits,
      this.#handlersFor(port.port),
    )
  }

  #retire(listener: Listener): void {
    this.#open.delete(listener.settings.port)
    listener.stopListening()
    listener.sayGoodbye()
    if (listener.connections > 0) this.#closing.add(listener)
  }
}
