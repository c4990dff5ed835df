/**
 * Clients that behave like users, for benchmarks, the demo and whole-product tests. All descriptions are plain data,
 * so that the traffic can run in a process of its own.
 */
export interface TrafficOptions {
  /** Base URL. A name below `.localhost` is reached at 127.0.0.1 with that name as the Host. */
  readonly target: string
  readonly clients: readonly ClientSpec[]
  /** Open loop: requests begin on schedule, however slow the answers are. Shared out by the clients' `share`. */
  readonly requestsPerSecond: number
  /** A client that waits longer counts a failure. Default 15,000. */
  readonly timeoutMs?: number
  /** Details kept of the first failures; all are counted. Default 50. */
  readonly keepFailures?: number
  /** Of those, at most so many for one kind of client. Default: all. */
  readonly keepFailuresOfClient?: number
  /** In a child process, so that work of the caller does not distort latencies. */
  readonly isolate?: boolean
  /** Ends the traffic. */
  readonly signal?: AbortSignal
}

export type ClientSpec =
  | RequestClient
  | SlowClient
  | StreamClient
  | SocketClient
  | UsersClient
  | Http2Client
  | UploadClient
  | HeaderBytesClient

interface Named {
  /** Another base URL than that of the traffic. */
  readonly target?: string
  /** Shown in the report; default: the kind. */
  readonly name?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** Single requests: over kept connections, or each over a fresh one. */
export interface RequestClient extends Named {
  readonly kind: 'keep-alive' | 'fresh' | 'post'
  readonly path: string
  /** Part of `requestsPerSecond`, relative to the other clients. Default 1. */
  readonly share?: number
  /** keep-alive and post: connections kept. Default 8. */
  readonly connections?: number
  /** post: JSON sent. Default `{"hello":"world"}`. */
  readonly body?: string
}

/** Each of `count` clients asks again as soon as it was answered: requests that are always in flight. */
export interface SlowClient extends Named {
  readonly kind: 'slow'
  readonly path: string
  readonly count: number
}

/** Server-sent events; a stream that ended cleanly is opened again and is no failure. */
export interface StreamClient extends Named {
  readonly kind: 'sse'
  readonly path: string
  readonly count: number
  /** Default GET. By POST as `fetch` does it: with a body, and no `last-event-id`. */
  readonly method?: 'GET' | 'POST'
}

/** Requests over kept HTTP/2 connections, many at a time on each; needs an https target. */
export interface Http2Client extends Named {
  readonly kind: 'http2'
  readonly path: string
  readonly share?: number
  /** Default 2. */
  readonly connections?: number
  /** JSON to send by POST; absent: GET. */
  readonly body?: string
}

/** Each of `count` clients uploads without a pause, every upload spread over a time; the answer must tell the bytes. */
export interface UploadClient extends Named {
  readonly kind: 'upload'
  readonly path: string
  readonly count: number
  readonly durationMs: number
}

/** Requests whose header `x-bytes`, with bytes beyond ASCII, must come back as it was sent. */
export interface HeaderBytesClient extends Named {
  readonly kind: 'header-bytes'
  readonly path: string
  readonly share?: number
}

/** WebSockets that send a message at an interval and expect one back; close codes 1000, 1001 and 1012 are no failure. */
export interface SocketClient extends Named {
  readonly kind: 'websocket'
  readonly path: string
  readonly count: number
  /** Default 200. */
  readonly messageEveryMs?: number
}

/** People in `examples/social`: they sign up, read, post, comment, like, load assets, each with cookies of their own. */
export interface UsersClient extends Named {
  readonly kind: 'users'
  readonly count: number
  readonly share?: number
  /** How many of them keep the live feed open. Default 0. */
  readonly live?: number
}

export interface Traffic {
  /** Figures of the whole time, or of requests that began in a window (Unix milliseconds). */
  stats(window?: Window): Promise<TrafficStats>
  /** Lets open requests end, closes streams, and gives the figures of the whole time; ask for windows before. */
  stop(): Promise<TrafficStats>
}

export interface Window {
  readonly from?: number
  readonly until?: number
}

export interface TrafficStats extends ClientStats {
  /** Unix milliseconds of the first request and of this report. */
  readonly from: number
  readonly until: number
  /** First failures, oldest first. */
  readonly failures: readonly Failure[]
  readonly releases: Readonly<Record<string, ReleaseStats>>
  readonly clients: Readonly<Record<string, ClientStats>>
  readonly streams: StreamStats
  /** Answers by status. */
  readonly statuses: Readonly<Record<string, number>>
  /** Requests not begun because too many were in flight: figures above are then too good. */
  readonly skipped: number
  /** Requests over HTTP/2 that the server had not begun, as it said, and that were sent again: no failures. */
  readonly repeated: number
}

export interface ClientStats {
  readonly requests: number
  readonly failed: number
  readonly latencyMs: {
    readonly p50: number
    readonly p99: number
    readonly p999: number
    readonly max: number
  }
  /** Longest time without any success, and when it began (Unix milliseconds). */
  readonly longestGap: { readonly ms: number; readonly at: number }
}

/** Name in `releases` for answers that name none, such as files served by the edge, and for no answer at all. */
export const NO_RELEASE = 'none'

export interface ReleaseStats {
  readonly requests: number
  readonly failed: number
  /** First and last answer, Unix milliseconds. */
  readonly firstAt: number
  readonly lastAt: number
  /** Beginning of the last request that this release got. */
  readonly lastBegunAt: number
}

export interface StreamStats {
  readonly opened: number
  readonly endedCleanly: number
  readonly cut: number
  readonly messages: number
}

export interface Failure {
  readonly at: string
  readonly client: string
  readonly request: string
  readonly afterMs: number
  readonly status: number | null
  readonly error: string | null
  /** `x-sluice-error`: the edge itself answered. */
  readonly edgeError: string | null
  readonly release: string | null
}
