import type {
  Deployment,
  DeploymentSummary,
  Engine,
  Environment,
  Release,
  RollbackRequest,
  SecretInfo,
} from '../../engine/engine.ts'
import { type Actor, actorWords } from '../../model/actor.ts'
import type { DeployRequest } from '../../model/deploy-request.ts'
import type { Outcome } from '../../model/deployment.ts'
import { SluiceError } from '../../model/error.ts'
import type { Event } from '../../model/event.ts'
import type { LogLine } from '../../targets/target.ts'

function summaryOf({ urls: _u, steps: _s, verdict: _v, differences: _d, ...summary }: Deployment): DeploymentSummary {
  return summary
}

export type NewEvent = Pick<Event, 'type' | 'deployment' | 'environment' | 'data'>

/** The engine's interface over arrays: what happens is told by the test. */
export class MemoryEngine implements Engine {
  readonly rows: Deployment[] = []
  readonly log: Event[] = []
  readonly lines: LogLine[] = []
  readonly held: { environment: string; mode: string; service: string | undefined }[] = []
  readonly stored = new Map<string, SecretInfo & { value: string }>()
  readonly keys = new Map<string, string>()
  /** From the request to the configuration; by default everything is the shop's. */
  evaluate: (request: DeployRequest) => Promise<{ readonly project: string; readonly environment: string }> = async ({
    environment,
  }) => ({ project: 'shop', environment })
  /** Who acted, in order. */
  readonly actors: Actor[] = []
  /** Thrown by the next call of `deployments.list`. */
  broken: unknown = null
  /** What becomes of a deployment; absent: it goes on. */
  script: ((deployment: Deployment, engine: MemoryEngine) => void) | null = null
  readonly #listeners = new Set<() => void>()

  readonly deployments: Engine['deployments'] = {
    deploy: async (actor, request) => this.#deploy(actor, request),
    rollback: async (actor, request) => this.#rollback(actor, request),
    checkRollback: async (environment) => ({
      environment: this.#environment(environment).key,
      possible: true,
      from: 'r2',
      to: 'r1',
      way: 'warm',
      checks: [{ name: 'artifact', ok: true, detail: 'present' }],
      lastSeconds: 0.21,
    }),
    cancel: async (actor, id) => this.#act(actor).finish(this.#existing(id).id, 'cancelled'),
    answer: async (actor, id, answer) =>
      this.#act(actor).finish(this.#existing(id).id, answer === 'promote' ? 'succeeded' : 'rolled-back'),
    promote: async (actor, environment) => {
      const { id } = this.rows.findLast((row) => row.environment === this.#environment(environment).key) ?? { id: '' }
      return { deployment: this.#act(actor).finish(this.#existing(id).id, 'succeeded'), unknown: ['12 requests seen'] }
    },
    get: async (id) => this.#existing(id),
    summaries: async (query) => {
      const { items, nextCursor } = await this.deployments.list(query)
      return { items: items.map(summaryOf), nextCursor }
    },
    list: async ({ limit, cursor, environment }) => {
      if (this.broken !== null) throw this.broken
      const all = this.rows.filter((row) => environment === undefined || row.environment === environment).reverse()
      const from = cursor === undefined ? 0 : all.findIndex((row) => row.id === cursor) + 1
      const items = all.slice(from, from + limit)
      return { items, nextCursor: from + limit < all.length ? (items.at(-1)?.id ?? null) : null }
    },
  }

  readonly releases: Engine['releases'] = {
    list: async () => ({ items: [], nextCursor: null }),
    get: async (release): Promise<Release> => {
      throw new SluiceError('RELEASE_UNKNOWN', `there is no release ${release}`)
    },
  }

  readonly projects: Engine['projects'] = { list: async () => [] }

  readonly environments: Engine['environments'] = {
    list: async () => [...new Set(this.rows.map((row) => row.environment))].map((key) => this.#environment(key)),
    summaries: async () =>
      (await this.environments.list()).map(({ fleets: _f, deployment, ...summary }) => ({
        ...summary,
        deployment: deployment === null ? null : summaryOf(deployment),
      })),
    keyOf: async (environment) => this.#environment(environment).key,
    get: async (environment) => this.#environment(environment),
    logs: (query) => this.#logs(query.follow, query.signal),
    samples: async () => ({ samples: [], cursor: 'c1' }),
    hold: async (actor, environment, mode, service) => {
      this.actors.push(actor)
      this.held.push({ environment, mode, service })
    },
  }

  readonly secrets: Engine['secrets'] = {
    set: async (actor, environment, name, value) => {
      this.actors.push(actor)
      const version = (this.stored.get(`${environment}/${name}`)?.version ?? 0) + 1
      const info = { name, version, updatedAt: '2026-01-01T00:00:00.000Z' }
      this.stored.set(`${environment}/${name}`, { ...info, value })
      return info
    },
    list: async (environment) =>
      [...this.stored].flatMap(([key, { name, version, updatedAt }]) =>
        key.startsWith(`${environment}/`) ? [{ name, version, updatedAt }] : [],
      ),
    remove: async (actor, environment, name) => {
      this.actors.push(actor)
      if (!this.stored.delete(`${environment}/${name}`))
        throw new SluiceError('NOT_FOUND', `there is no secret ${name}`)
    },
  }

  readonly events: Engine['events'] = { stream: (query) => this.#stream(query) }

  tell(event: NewEvent): void {
    const { deployment: activity } = event
    this.log.push({ sequence: this.log.length + 1, at: new Date().toISOString(), activity, ...event })
    for (const listener of this.#listeners) listener()
  }

  change(id: string, change: Partial<Deployment>): Deployment {
    const row = { ...this.#existing(id), ...change }
    this.rows[this.rows.findIndex((other) => other.id === id)] = row
    return row
  }

  finish(id: string, state: Outcome, change: Partial<Deployment> = {}): Deployment {
    const row = this.change(id, { state, running: false, finishedAt: new Date().toISOString(), ...change })
    this.tell({ type: 'deployment.finished', deployment: id, environment: row.environment, data: { state } })
    return row
  }

  #act(actor: Actor): this {
    this.actors.push(actor)
    return this
  }

  async #deploy(actor: Actor, request: DeployRequest): Promise<Deployment> {
    const { project, environment } = await this.evaluate(request)
    return this.#start('deploy', `${project}.${environment}`, actor, request.idempotencyKey)
  }

  #rollback(actor: Actor, { environment, idempotencyKey }: RollbackRequest): Deployment {
    return this.#start('rollback', this.#environment(environment).key, actor, idempotencyKey)
  }

  #start(kind: Deployment['kind'], environment: string, actor: Actor, key: string | undefined): Deployment {
    this.actors.push(actor)
    const known = key === undefined ? undefined : this.keys.get(key)
    if (known !== undefined) return this.#existing(known)
    const number = this.rows.length + 1
    const row: Deployment = {
      id: `d${number}`,
      kind,
      environment,
      state: 'queued',
      running: true,
      strategy: 'rolling',
      release: `r${number}`,
      previousRelease: number === 1 ? null : `r${number - 1}`,
      by: actorWords(actor),
      createdAt: '2026-01-01T00:00:00.000Z',
      servingAt: null,
      finishedAt: null,
      weight: 0,
      urls: ['http://localhost:8080/'],
      steps: [],
      seconds: { prepare: 0.1, shift: 0.2 },
      reason: null,
      verdict: null,
      question: null,
      waiting: null,
      differences: [],
    }
    this.rows.push(row)
    if (key !== undefined) this.keys.set(key, row.id)
    this.tell({ type: 'deployment.created', deployment: row.id, environment, data: { kind } })
    if (this.script !== null) setImmediate(() => this.script?.(row, this))
    return row
  }

  #existing(id: string): Deployment {
    const row = this.rows.find((other) => other.id === id)
    if (row === undefined) throw new SluiceError('DEPLOYMENT_UNKNOWN', `there is no deployment ${id}`)
    return row
  }

  #environment(wanted: string): Environment {
    const row = this.rows.findLast((other) => other.environment === wanted || other.environment.endsWith(`.${wanted}`))
    if (row === undefined) {
      throw new SluiceError('ENVIRONMENT_UNKNOWN', `there is no environment ${wanted}`, { hint: 'deploy it first' })
    }
    const [project = '', name = ''] = row.environment.split('.')
    const served = this.rows.findLast((other) => other.state === 'succeeded' && other.environment === row.environment)
    return {
      key: row.environment,
      project,
      name,
      release: served?.release ?? null,
      warmRelease: null,
      urls: row.urls,
      holds: [],
      previewKey: 'preview',
      fleets: [],
      deployment: row,
    }
  }

  async *#stream(query: Parameters<Engine['events']['stream']>[0]): AsyncGenerator<Event> {
    const { signal, deployment, environment } = query
    let after = query.after === 'now' ? this.log.length : query.after
    while (!signal.aborted) {
      const next = this.log.find(
        (event) =>
          event.sequence > after &&
          (deployment === undefined || event.deployment === deployment) &&
          (environment === undefined || event.environment === environment),
      )
      if (next !== undefined) {
        after = next.sequence
        yield next
        continue
      }
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#listeners.delete(wake)
          signal.removeEventListener('abort', wake)
          resolve()
        }
        this.#listeners.add(wake)
        signal.addEventListener('abort', wake)
      })
    }
  }

  async *#logs(follow: boolean, signal: AbortSignal): AsyncGenerator<LogLine> {
    yield* this.lines
    if (!follow) return
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
  }
}
