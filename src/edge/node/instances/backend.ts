import type { HealthSettings } from '../../../model/release.ts'
import type { EdgeInstance, RoutedInstance } from '../../edge.ts'
import type { SampleCounter } from '../../samples/sample-counter.ts'
import { type Seated, Seats } from '../seats.ts'
import { UpstreamConnection } from './upstream-connection.ts'

/**
 * What a drain does about it. `none`: it waits for the answer. `soon`: there is no end to wait for; told to go at once
 * (upgraded connections, event streams that were asked for by GET). `late`: there may be an end that somebody waits for, so
 * it is told to go only when the time is nearly over (events in answer to any other method).
 */
export type Farewell = 'none' | 'soon' | 'late'

/** Something that keeps an instance busy: a request or an upgraded connection. */
export interface Occupation extends Seated {
  /** Ends it now. */
  cut(): void
  /** Asks it to end soon; false when there is no way to. */
  goAway(): boolean
  readonly farewell: Farewell
  /** Called several times a second to check time limits. */
  check(nowMs: number): void
}

export interface BackendIdentity {
  readonly environment: string
  readonly release: string
  readonly service: string
}

const MAX_IDLE_CONNECTIONS = 256

/** One instance of a service as the edge sees it: its connections, its health and what happens on it. */
export class Backend {
  readonly instance: RoutedInstance
  readonly identity: BackendIdentity
  readonly counter: SampleCounter
  readonly occupations = new Seats<Occupation>()
  health: HealthSettings
  isHealthy = false
  /** Never checked by this process, but known from before: better than nothing. */
  isPresumed = false
  isDraining = false
  lastCheck: EdgeInstance['lastCheck'] = null
  requests = 0
  lastRequestAtMs = 0
  #broken = 0
  readonly #idle: UpstreamConnection[] = []
  readonly #connectionEvents: ConstructorParameters<typeof UpstreamConnection>[1]

  constructor(instance: RoutedInstance, identity: BackendIdentity, health: HealthSettings, counter: SampleCounter) {
    this.instance = instance
    this.identity = identity
    this.health = health
    this.counter = counter
    this.#connectionEvents = {
      onIdle: (connection) => {
        connection.idleSince = performance.now()
        if (this.isDraining || this.#idle.length >= MAX_IDLE_CONNECTIONS) connection.socket.end()
        else this.#idle.push(connection)
      },
      onClosed: (connection) => {
        const at = this.#idle.indexOf(connection)
        if (at >= 0) this.#idle.splice(at, 1)
      },
    }
  }

  get isReady(): boolean {
    return this.isHealthy && !this.isDraining
  }

  /** A kept connection, the one used last first, or a new one. */
  connection(): UpstreamConnection {
    const now = performance.now()
    for (let found = this.#idle.pop(); found !== undefined; found = this.#idle.pop()) {
      if (found.isUsable(now)) return found
      found.socket.destroy()
    }
    return new UpstreamConnection(this.instance, this.#connectionEvents)
  }

  enter(occupation: Occupation): void {
    this.occupations.add(occupation)
    this.requests++
    this.lastRequestAtMs = Date.now()
  }

  leave(occupation: Occupation): void {
    this.occupations.delete(occupation)
  }

  /** The application dropped a request or a stream, and its client had to see that. */
  brokeOff(): void {
    this.#broken++
  }

  /** How often since this was asked last. */
  takeBroken(): number {
    const broken = this.#broken
    this.#broken = 0
    return broken
  }

  /** Closes what nobody has used for a while; all of it when the instance is leaving. */
  closeIdle(all: boolean): void {
    const now = performance.now()
    const old = this.#idle.filter((connection) => all || !connection.isUsable(now))
    for (const connection of old) connection.socket.destroy()
  }

  describe(): EdgeInstance {
    const { environment: _, ...identity } = this.identity
    return {
      id: this.instance.id,
      ...identity,
      healthy: this.isHealthy,
      lastCheck: this.lastCheck,
      inFlight: this.occupations.size,
      requests: this.requests,
      lastRequestAt: this.lastRequestAtMs === 0 ? null : new Date(this.lastRequestAtMs).toISOString(),
      draining: this.isDraining,
    }
  }
}

/** The ready instance with the least in flight; among equals in turn. Null when none is ready. */
export function pickBackend(
  backends: readonly Backend[],
  turn: number,
  except: readonly Backend[] = [],
): Backend | null {
  return (
    pick(backends, turn, (backend) => backend.isReady && !except.includes(backend)) ??
    pick(backends, turn, (backend) => backend.isPresumed && !backend.isDraining && !except.includes(backend))
  )
}

function pick(backends: readonly Backend[], turn: number, isFit: (backend: Backend) => boolean): Backend | null {
  let best: Backend | null = null
  for (let i = 0; i < backends.length; i++) {
    const backend = backends[(turn + i) % backends.length]
    if (backend === undefined || !isFit(backend)) continue
    if (best === null || backend.occupations.size < best.occupations.size) best = backend
  }
  return best
}
