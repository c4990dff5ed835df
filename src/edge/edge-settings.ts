/** What the edge is told about an environment besides instances: all of it resolved, nothing optional left to guess. */
export interface EdgeSettings {
  readonly httpPort: number | null
  readonly httpsPort: number | null
  readonly redirectToHttps: boolean
  readonly certificates: readonly { readonly host: string; readonly certFile: string; readonly keyFile: string }[]
  readonly limits: EdgeLimits
}

export interface EdgeLimits {
  /** Whole request head; 431 above. */
  readonly headerBytes: number
  /** Request body; 413 above. 0: no limit. */
  readonly bodyBytes: number
  /** Time for the whole request head to arrive; 408 after. */
  readonly headersMs: number
  /** Longest silence of a client in the middle of a request body; 408 after. */
  readonly bodyIdleMs: number
  /** Time to the first byte of the app's answer; 504 after. 0: no limit. */
  readonly responseMs: number
  /** Idle keep-alive connections of clients are closed after this time. */
  readonly keepAliveMs: number
  /** Open client connections over all environments of one listener. */
  readonly connections: number
  /** Requests that may wait while no instance is ready; 503 above. */
  readonly holdQueue: number
  /** Longest wait of a held request; 503 after. */
  readonly holdMs: number
}
