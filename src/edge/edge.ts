import type { HealthSettings, Route } from '../model/release.ts'
import type { Sample } from '../model/sample.ts'
import type { TrafficSplit } from '../model/traffic-split.ts'
import type { EdgeLimits } from './edge-settings.ts'

/** Every call to the outside has a deadline and may be aborted. */
export interface CallOptions {
  readonly signal?: AbortSignal
  readonly deadlineMs?: number
}

/**
 * The router in front of all environments of one installation. It is a process of its own: this interface is its
 * remote control, and closing or losing the control never touches users.
 */
export interface Edge {
  readonly capabilities: EdgeCapabilities
  /**
   * Makes the table the truth for its environment: set-to, all or nothing; other environments are untouched.
   * Resolves when every new request is routed by it. A table with a lower fence than the one in force is refused with
   * `FENCED`, an impossible one with `EDGE_REFUSED_TABLE`, `ROUTE_CONFLICT`, `PORT_TAKEN` or `CERTIFICATE_INVALID`;
   * a refusal changes nothing.
   */
  apply(table: RouteTable, options?: CallOptions): Promise<void>
  inspect(options?: CallOptions): Promise<EdgeState>
  /** Increments that became known after the cursor, oldest first; kept for at least an hour. */
  samples(query: SampleQuery, options?: CallOptions): Promise<SampleBatch>
  /**
   * Takes instances out of rotation and waits until nothing is in flight on them; at the deadline what is left is cut.
   * Asked to wait `until: 'streams'`, it answers when streams alone are in flight, and cuts nothing: whoever asks then has
   * the applications end them. A stream is an upgraded connection, or an event stream that was asked for by GET.
   * Streams are told to go one after another where the implementation can, the more of them the longer, within two
   * thirds of the time. Events in answer to another method may have an end that somebody waits for: they are waited for
   * like any answer, and told to go only when the time is nearly over.
   */
  drain(target: DrainTarget, options: CallOptions & { readonly deadlineMs: number }): Promise<Drained>
  /** While on, requests for the service wait instead of being forwarded (or, with 'maintenance', get a 503 page). */
  hold(order: HoldOrder, options?: CallOptions): Promise<void>
  /** Ends this control, not the edge process; with `stop` ends the process too, after its connections. */
  close(options?: { readonly stop?: boolean }): Promise<void>
}

export interface EdgeCapabilities {
  readonly name: string
  readonly http2: boolean
  readonly trailers: boolean
  /** WebSocket clients get close code 1012 at a drain; else 1006 at the deadline. */
  readonly webSocketRestartCode: boolean
  readonly sampleSeconds: number
  /** Longest time from an event to its sample plus from `apply` to its effect. */
  readonly reactionMs: number
  readonly perInstance: boolean
}

export interface RouteTable {
  readonly environment: string
  /** Fencing number of the lease under which the table was made; equal or higher is accepted. */
  readonly fence: number
  readonly listeners: {
    readonly http: number | null
    readonly https: number | null
    readonly redirectToHttps: boolean
  }
  readonly certificates: readonly { readonly host: string; readonly certFile: string; readonly keyFile: string }[]
  readonly split: TrafficSplit
  /** Cookie per visitor; off: each request is assigned anew. */
  readonly stickiness: boolean
  /** Requests with `x-sluice-preview-key: <this>` may name their release by `x-sluice-release`. */
  readonly previewKey: string
  readonly limits: EdgeLimits
  readonly releases: readonly RoutedRelease[]
  /** Immutable assets of releases that may have no instance any more, newest first. */
  readonly assets: readonly RetainedAssets[]
}

export interface RoutedRelease {
  readonly release: string
  readonly services: readonly RoutedService[]
}

export interface RoutedService {
  readonly service: string
  readonly kind: 'web' | 'static'
  readonly routes: readonly Route[]
  readonly instances: readonly RoutedInstance[]
  readonly health: HealthSettings
  /** Loopback port on which the edge balances over this release's instances only (`SLUICE_URL_<SERVICE>`). */
  readonly internalPort?: number
  /** `static`: absolute folder served. */
  readonly root?: string
  readonly fallback?: string
}

export interface RoutedInstance {
  readonly id: string
  readonly host: string
  readonly port: number
}

export interface RetainedAssets {
  readonly release: string
  readonly service: string
  /** URL prefix, such as `/_app/immutable`. */
  readonly path: string
  /** Absolute folder. */
  readonly directory: string
}

export interface SampleQuery {
  readonly environment: string
  /** From an earlier batch; absent: everything that is kept. */
  readonly after?: string
}

export interface SampleBatch {
  readonly samples: readonly Sample[]
  readonly cursor: string
}

export interface DrainTarget {
  readonly environment: string
  readonly release: string
  /** Absent: all instances of the release. */
  readonly instances?: readonly string[]
  /** Default `idle`: nothing is in flight. */
  readonly until?: 'idle' | 'streams'
}

export interface Drained {
  /**
   * Requests and sockets cut at the deadline, and those that the application broke off during the drain as far as the
   * implementation sees that. What was told to go and went is not among them.
   */
  readonly cut: number
  /** In flight at the end; 0 after a drain until `idle`. */
  readonly left: number
  readonly tookMs: number
}

export interface HoldOrder {
  readonly environment: string
  /** Absent: all services, and no other order counts any more. */
  readonly service?: string
  readonly mode: 'off' | 'wait' | 'maintenance'
}

export interface EdgeState {
  readonly pid: number
  /** Version of the edge's own code; a control with another version hands over to a new process. */
  readonly version: string
  readonly startedAt: string
  readonly environments: readonly EdgeEnvironment[]
}

export interface EdgeEnvironment {
  readonly environment: string
  readonly fence: number
  readonly split: TrafficSplit
  readonly hold: readonly { readonly service: string; readonly mode: 'wait' | 'maintenance' }[]
  readonly instances: readonly EdgeInstance[]
}

/** What the edge itself has seen of an instance: the evidence that the engine's removals rest on. */
export interface EdgeInstance {
  readonly id: string
  readonly release: string
  readonly service: string
  readonly healthy: boolean
  readonly lastCheck: { readonly at: string; readonly ok: boolean; readonly detail: string } | null
  /** Requests and upgraded connections now. */
  readonly inFlight: number
  /** Requests forwarded since the instance became known to this edge. */
  readonly requests: number
  readonly lastRequestAt: string | null
  readonly draining: boolean
}
