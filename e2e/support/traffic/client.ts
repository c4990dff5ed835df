import type { Endpoint } from './endpoint.ts'
import type { Recorder } from './recorder.ts'

/** What every client is given. */
export interface ClientContext {
  readonly endpoint: Endpoint
  readonly recorder: Recorder
  readonly timeoutMs: number
  /** No new requests or streams from now on; open requests may end. */
  readonly signal: AbortSignal
  readonly name: string
  readonly headers: Readonly<Record<string, string>>
  /** Requests per second of this client; 0 for those that set their own pace. */
  readonly perSecond: number
}

/** Resolves when the signal was given and everything open has ended. */
export type Client = (context: ClientContext) => Promise<void>
