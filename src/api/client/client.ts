import { open } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type {
  Deployment,
  DeploymentSummary,
  Environment,
  EnvironmentSummary,
  Page,
  PromotionAsked,
  Release,
  RollbackCheck,
  RollbackRequest,
  SecretInfo,
} from '../../engine/engine.ts'
import type { DeployRequest } from '../../model/deploy-request.ts'
import { isSluiceError, type SerializedError, SluiceError } from '../../model/error.ts'
import type { Event } from '../../model/event.ts'
import type { Sample } from '../../model/sample.ts'
import type { Upload } from '../../model/upload.ts'
import type { LogLine } from '../../targets/target.ts'
import { serverSentEvents, split } from './event-source.ts'
import {
  type Call,
  type Connections,
  type ControlAddress,
  connectionsTo,
  readText,
  send,
  unreachable,
} from './transport.ts'

export interface ClientOptions {
  readonly address: ControlAddress
  /** Certificates (PEM) of authorities that are trusted besides the usual ones. */
  readonly ca?: string
  /** Called when nobody answers any more: waits for the control plane, or starts it. Absent: an error. */
  readonly reconnect?: (signal: AbortSignal | undefined) => Promise<ControlAddress>
}

export interface ControlPlaneInfo {
  readonly pid: number
  readonly version: string
  readonly uptimeSeconds: number
}

export type Followed =
  | { readonly kind: 'event'; readonly event: Event }
  | { readonly kind: 'end'; readonly deployment: Deployment }

interface PageQuery {
  readonly environment?: string
  readonly cursor?: string
  readonly limit?: number
  readonly signal?: AbortSignal
}

const RECONNECTS = 5
const SHORT_PAUSE_MS = 50
/** Small enough to be sent again, large enough not to wait for answers. */
const PIECE_BYTES = 8 * 1024 * 1024
const PIECE_MS = 5 * 60_000
const LONG_PAUSE_MS = 1000
/** A deployment that is followed is given up after so long without a sign of its control plane. */
const SILENCE_MS = 120_000

/** The API as functions. Every call but `shutdown` is safe to send twice, and is when the control plane went away. */
export class ApiClient {
  #address: ControlAddress
  readonly #reconnect: ClientOptions['reconnect']
  readonly #ca: string | undefined
  #connections: Promise<Connections> | null = null

  constructor({ address, reconnect, ca }: ClientOptions) {
    this.#address = address
    this.#reconnect = reconnect
    this.#ca = ca
  }

  /** `idempotencyKey` makes a repeated call start one deployment. */
  deploy(
    request: Omit<DeployRequest, 'idempotencyKey'>,
    idempotencyKey: string,
    signal?: AbortSignal,
  ): Promise<Deployment> {
    const headers = { 'idempotency-key': idempotencyKey }
    return this.#json({ method: 'POST', path: '/api/v1/deployments', body: request, headers, ...withSignal(signal) })
  }

  rollback(
    request: Omit<RollbackRequest, 'idempotencyKey'>,
    idempotencyKey: string,
    signal?: AbortSignal,
  ): Promise<Deployment> {
    const headers = { 'idempotency-key': idempotencyKey }
    return this.#json({ method: 'POST', path: '/api/v1/rollbacks', body: request, headers, ...withSignal(signal) })
  }

  checkRollback(environment: string, release?: string, signal?: AbortSignal): Promise<RollbackCheck> {
    const path = `${environmentPath(environment)}/rollback-check`
    return this.#json({ method: 'GET', path, query: { release }, ...withSignal(signal) })
  }

  cancel(deployment: string, signal?: AbortSignal): Promise<Deployment> {
    const path = `${deploymentPath(deployment)}/cancel`
    return this.#json({ method: 'POST', path, ...withSignal(signal) })
  }

  answer(deployment: string, answer: string, signal?: AbortSignal): Promise<Deployment> {
    const path = `${deploymentPath(deployment)}/answer`
    return this.#json({ method: 'POST', path, body: { answer }, ...withSignal(signal) })
  }

  promote(environment: string, signal?: AbortSignal): Promise<PromotionAsked> {
    const path = `${environmentPath(environment)}/promote`
    return this.#json({ method: 'POST', path, ...withSignal(signal) })
  }

  deployment(id: string, signal?: AbortSignal): Promise<Deployment> {
    return this.#json({ method: 'GET', path: deploymentPath(id), ...withSignal(signal) })
  }

  /** The newest ones, without what takes long to find. */
  deploymentSummaries({ signal, ...query }: PageQuery = {}): Promise<Page<DeploymentSummary>> {
    const path = '/api/v1/deployments'
    return this.#json({ method: 'GET', path, query: { ...query, view: 'summary' }, ...withSignal(signal) })
  }

  deployments({ signal, ...query }: PageQuery = {}): Promise<Page<Deployment>> {
    return this.#json({ method: 'GET', path: '/api/v1/deployments', query, ...withSignal(signal) })
  }

  dossier(
    deployment: string,
    query: { readonly phase?: 'shift' | 'bake' } = {},
    signal?: AbortSignal,
  ): Promise<unknown> {
    return this.#json({ method: 'GET', path: `${deploymentPath(deployment)}/dossier`, query, ...withSignal(signal) })
  }

  releases({ signal, ...query }: PageQuery = {}): Promise<Page<Release>> {
    return this.#json({ method: 'GET', path: '/api/v1/releases', query, ...withSignal(signal) })
  }

  release(id: string, signal?: AbortSignal): Promise<Release> {
    return this.#json({ method: 'GET', path: `/api/v1/releases/${encodeURIComponent(id)}`, ...withSignal(signal) })
  }

  async environments(signal?: AbortSignal): Promise<readonly Environment[]> {
    const { items } = await this.#json<{ readonly items: readonly Environment[] }>({
      method: 'GET',
      path: '/api/v1/environments',
      ...withSignal(signal),
    })
    return items
  }

  /** Without a look at what runs. */
  async environmentSummaries(signal?: AbortSignal): Promise<readonly EnvironmentSummary[]> {
    const { items } = await this.#json<{ readonly items: readonly EnvironmentSummary[] }>({
      method: 'GET',
      path: '/api/v1/environments',
      query: { view: 'summary' },
      ...withSignal(signal),
    })
    return items
  }

  environment(environment: string, signal?: AbortSignal): Promise<Environment> {
    return this.#json({ method: 'GET', path: environmentPath(environment), ...withSignal(signal) })
  }

  samples(
    environment: string,
    after?: string,
    signal?: AbortSignal,
  ): Promise<{ readonly samples: readonly Sample[]; readonly cursor: string }> {
    const path = `${environmentPath(environment)}/samples`
    return this.#json({ method: 'GET', path, query: { after }, ...withSignal(signal) })
  }

  async hold(environment: string, mode: 'off' | 'wait' | 'maintenance', service?: string): Promise<void> {
    const body = { mode, ...(service === undefined ? {} : { service }) }
    await this.#text({ method: 'PUT', path: `${environmentPath(environment)}/hold`, body })
  }

  setSecret(environment: string, name: string, value: string): Promise<SecretInfo> {
    return this.#json({ method: 'PUT', path: secretPath(environment, name), body: { value } })
  }

  async secrets(environment: string): Promise<readonly SecretInfo[]> {
    const path = `${environmentPath(environment)}/secrets`
    return (await this.#json<{ readonly items: readonly SecretInfo[] }>({ method: 'GET', path })).items
  }

  async removeSecret(environment: string, name: string): Promise<void> {
    await this.#text({ method: 'DELETE', path: secretPath(environment, name) })
  }

  async *logs(query: {
    readonly environment: string
    readonly service?: string
    readonly release?: string
    readonly tail: number
    readonly follow: boolean
    readonly signal: AbortSignal
  }): AsyncGenerator<LogLine> {
    const { environment, signal, ...rest } = query
    const path = `${environmentPath(environment)}/logs`
    const response = await this.#send({ method: 'GET', path, query: { ...rest }, signal })
    for await (const line of split(response, '\n', signal)) {
      if (line === '') continue
      const value = JSON.parse(line) as LogLine | { readonly problem: SerializedError }
      if ('problem' in value) throw SluiceError.fromJSON(value.problem)
      yield value
    }
  }

  /**
   * A deployment from its beginning (or after an event) to its outcome, across restarts of the control plane. The last
   * thing yielded is the end; it is absent only when the signal was aborted.
   */
  async *follow(deployment: string, signal: AbortSignal, after = 0): AsyncGenerator<Followed> {
    let position = after
    let pauseMs = SHORT_PAUSE_MS
    let heardAtMs = performance.now()
    while (!signal.aborted) {
      try {
        const headers = { accept: 'text/event-stream', 'last-event-id': String(position) }
        const call = { method: 'GET', path: '/api/v1/events', query: { deployment }, headers, signal } as const
        for await (const { event, data } of serverSentEvents(await this.#send(call), signal)) {
          heardAtMs = performance.now()
          pauseMs = SHORT_PAUSE_MS
          if (event === 'end') return yield { kind: 'end', ...(JSON.parse(data) as { deployment: Deployment }) }
          if (event === 'problem') throw SluiceError.fromJSON(JSON.parse(data) as SerializedError)
          if (event !== 'message') continue
          const change = JSON.parse(data) as Event
          position = change.sequence
          yield { kind: 'event', event: change }
        }
      } catch (error) {
        if (signal.aborted) return
        if (!isUnreachable(error)) throw error
      }
      // Many deaths in a row are survived; only a long silence is not.
      if (performance.now() - heardAtMs > SILENCE_MS) throw unreachable('its stream of events ends again and again')
      await sleep(pauseMs)
      pauseMs = Math.min(LONG_PAUSE_MS, pauseMs * 2)
    }
  }

  /** Sends the file in pieces, and goes on where it stands when one breaks off; answers the upload's id. */
  async upload(
    file: string,
    announced: { readonly bytes: number; readonly sha256: string },
    signal: AbortSignal,
  ): Promise<string> {
    const begin = { method: 'POST', path: '/api/v1/uploads', body: announced, signal } as const
    let upload = await this.#json<Upload>(begin)
    const path = `/api/v1/uploads/${upload.id}`
    const handle = await open(file, 'r')
    try {
      for (let failures = 0; !upload.isComplete; ) {
        const bytes = Buffer.alloc(Math.min(PIECE_BYTES, upload.bytes - upload.offset))
        await handle.read(bytes, 0, bytes.length, upload.offset)
        try {
          const headers = { 'upload-offset': String(upload.offset) }
          const call = { method: 'PATCH', path, headers, bytes, signal, timeoutMs: PIECE_MS } as const
          upload = JSON.parse(await readText(await this.#send(call), signal)) as Upload
          failures = 0
        } catch (error) {
          if (!(isUnreachable(error) || isConflict(error)) || ++failures > RECONNECTS) throw error
          await sleep(Math.min(LONG_PAUSE_MS, SHORT_PAUSE_MS * 2 ** failures), undefined, { signal })
          upload = await this.#json<Upload>({ method: 'GET', path, signal })
        }
      }
      return upload.id
    } finally {
      await handle.close()
    }
  }

  control(signal?: AbortSignal): Promise<ControlPlaneInfo> {
    return this.#json({ method: 'GET', path: '/api/v1/control', ...withSignal(signal) })
  }

  async ready(signal?: AbortSignal): Promise<void> {
    const call = { method: 'GET', path: '/readyz', ...withSignal(signal) } as const
    await readText(await send(await this.#connect(), this.#address, call))
  }

  async shutdown(all: boolean): Promise<ControlPlaneInfo> {
    const call = { method: 'POST', path: '/api/v1/shutdown', body: { all } } as const
    return JSON.parse(await readText(await send(await this.#connect(), this.#address, call))) as ControlPlaneInfo
  }

  close(): void {
    void this.#connections?.then((connections) => connections.close())
  }

  async #json<Value>(call: Call): Promise<Value> {
    return JSON.parse(await this.#text(call)) as Value
  }

  async #text(call: Call): Promise<string> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await readText(await this.#send(call), call.signal)
      } catch (error) {
        // Lost in the middle of the answer: the call itself is safe to repeat.
        if (!isUnreachable(error) || this.#reconnect === undefined || attempt >= RECONNECTS) throw error
      }
    }
  }

  #connect(): Promise<Connections> {
    this.#connections ??= connectionsTo(this.#address.url, this.#ca)
    return this.#connections
  }

  async #send(call: Call): ReturnType<typeof send> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await send(await this.#connect(), this.#address, call)
      } catch (error) {
        if (!isUnreachable(error) || this.#reconnect === undefined || attempt >= RECONNECTS) throw error
        this.#address = await this.#reconnect(call.signal)
      }
    }
  }
}

function isUnreachable(error: unknown): boolean {
  return isSluiceError(error) && error.code === 'CONTROL_PLANE_UNREACHABLE'
}

function isConflict(error: unknown): boolean {
  return isSluiceError(error) && error.code === 'STATE_CONFLICT'
}

function withSignal(signal: AbortSignal | undefined): { readonly signal?: AbortSignal } {
  return signal === undefined ? {} : { signal }
}

const environmentPath = (environment: string) => `/api/v1/environments/${encodeURIComponent(environment)}`
const deploymentPath = (deployment: string) => `/api/v1/deployments/${encodeURIComponent(deployment)}`
const secretPath = (environment: string, name: string) =>
  `${environmentPath(environment)}/secrets/${encodeURIComponent(name)}`
