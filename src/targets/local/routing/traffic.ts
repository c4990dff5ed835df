import type { Drained, DrainTarget, Edge, EdgeEnvironment, EdgeInstance } from '../../../edge/edge.ts'
import { SluiceError } from '../../../model/error.ts'
import { noTraffic, type TrafficSplit } from '../../../model/traffic-split.ts'
import { sleep } from '../../../support/clock.ts'
import { Mutex } from '../fleets/mutex.ts'
import type { Runtime } from '../processes/runtime.ts'
import type { EnvironmentStore, StoredEnvironment } from '../records/environment-store.ts'
import { routeTable } from './route-table.ts'

const CALL_MS = 10_000

/** What the edge is told about environments: always the whole table, one call after the other per environment. */
export class Traffic {
  readonly #edge: Edge
  readonly #runtime: Runtime
  readonly #store: EnvironmentStore
  readonly #mutex = new Mutex()
  /** Environments of which the edge's own split was taken over since we started. */
  readonly #adopted = new Set<string>()
  /** Environments of which the edge may not have the newest table: the last attempt to give it failed. */
  readonly #stale = new Set<string>()
  #edgeProcess: string | undefined
  /** Not among the desired instances yet, but ready for requests. */
  readonly #joining = new Set<string>()
  /** Drained, and about to be stopped. */
  readonly #leaving = new Set<string>()

  constructor(options: { readonly edge: Edge; readonly runtime: Runtime; readonly store: EnvironmentStore }) {
    this.#edge = options.edge
    this.#runtime = options.runtime
    this.#store = options.store
  }

  /** Makes the edge route what is stored and what runs now; with `split`, makes that the split. */
  apply(environment: string, options: ApplyOptions = {}): Promise<void> {
    return this.#mutex.run(environment, async () => {
      try {
        await this.#applyNow(environment, options)
        this.#stale.delete(environment)
      } catch (error) {
        this.#stale.add(environment)
        throw error
      }
    })
  }

  async #applyNow(environment: string, options: ApplyOptions): Promise<void> {
    await this.#adoptSplit(environment)
    const stored = this.#store.get(environment)
    if (stored === null || stored.releases.length === 0) return
    const split = options.split ?? withoutGone(stored.split ?? noTraffic, stored)
    const desired = new Set(stored.releases.flatMap((release) => release.desired))
    const table = routeTable({
      stored,
      split,
      runs: await this.#runtime.list(),
      routed: ({ id, alive }) => alive && (desired.has(id) || this.#joining.has(id)) && !this.#leaving.has(id),
    })
    const { signal } = options
    await this.#edge.apply(table, { deadlineMs: CALL_MS, ...(signal === undefined ? {} : { signal }) })
    await this.#store.update(environment, (now) => (now.split === split ? now : { ...now, split }))
  }

  /** Tells the edge again what it may have missed: it was away, or it is another process by now. */
  async refresh(signal: AbortSignal): Promise<void> {
    const { pid, startedAt } = await this.#edge.inspect({ signal, deadlineMs: CALL_MS })
    const edgeProcess = `${pid} ${startedAt}`
    if (this.#edgeProcess !== undefined && this.#edgeProcess !== edgeProcess) {
      for (const { environment } of this.#store.environments) this.#stale.add(environment)
    }
    this.#edgeProcess = edgeProcess
    const failures: unknown[] = []
    await Promise.all(
      [...this.#stale].map((each) => this.apply(each, { signal }).catch((error: unknown) => failures.push(error))),
    )
    if (failures.length > 0) throw failures[0]
  }

  /** Adds ready instances and resolves when the edge has seen each of them healthy itself. */
  async join(environment: string, instances: readonly string[], options: JoinOptions): Promise<void> {
    for (const id of instances) this.#joining.add(id)
    try {
      await this.apply(environment, { signal: options.signal })
      await this.#waitUntilHealthy(environment, instances, options)
    } catch (error) {
      this.forget(instances)
      throw error
    }
  }

  /** Takes instances out of rotation and waits; those that the edge does not know have nothing in flight. */
  async drain(
    target: DrainTarget & { readonly instances: readonly string[] },
    options: { readonly deadlineMs: number; readonly signal: AbortSignal },
  ): Promise<Pick<Drained, 'cut' | 'left'>> {
    const seen = (await this.seen(target.environment))?.instances ?? []
    const instances = seen.map(({ id }) => id).filter((id) => target.instances.includes(id))
    return instances.length === 0 ? { cut: 0, left: 0 } : this.#edge.drain({ ...target, instances }, options)
  }

  /** Takes instances off the table. */
  async remove(environment: string, instances: readonly string[], signal: AbortSignal): Promise<void> {
    for (const id of instances) this.#leaving.add(id)
    await this.apply(environment, { signal })
  }

  /** Once they are desired or stopped, instances need no special mention any more. */
  forget(instances: readonly string[]): void {
    for (const id of instances) {
      this.#joining.delete(id)
      this.#leaving.delete(id)
    }
  }

  /** What the edge itself says. Null: it knows nothing of this environment. */
  async seen(environment: string): Promise<EdgeEnvironment | null> {
    const { environments } = await this.#edge.inspect({ deadlineMs: CALL_MS })
    return environments.find((each) => each.environment === environment) ?? null
  }

  /** We may have been killed between the edge's change and our record of it: the edge is right. */
  async #adoptSplit(environment: string): Promise<void> {
    if (this.#adopted.has(environment)) return
    const seen = await this.seen(environment)
    const stored = this.#store.get(environment)
    this.#adopted.add(environment)
    if (seen === null || stored === null) return
    const known = new Set<string | null>([null, ...stored.releases.map(({ record }) => record.id)])
    const usable = known.has(seen.split.base) && known.has(seen.split.candidate)
    await this.#store.update(environment, (now) => ({
      ...now,
      fence: Math.max(now.fence, seen.fence),
      split: usable ? seen.split : now.split,
    }))
  }

  async #waitUntilHealthy(environment: string, instances: readonly string[], options: JoinOptions): Promise<void> {
    let last: readonly EdgeInstance[] = []
    for (let pauseMs = 5; ; pauseMs = Math.min(pauseMs * 1.5, 50)) {
      options.signal.throwIfAborted()
      last = (await this.seen(environment))?.instances ?? []
      const missing = instances.filter((id) => !last.some((each) => each.id === id && each.healthy))
      if (missing.length === 0) return
      for (const id of missing) await options.assertAlive(id)
      if (options.isLate()) throw notSeenHealthy(missing, last)
      await sleep(pauseMs, options.signal)
    }
  }
}

/** A release that went while its traffic was ordered back gets none: a table that names it would be refused for ever. */
function withoutGone(split: TrafficSplit, { releases }: StoredEnvironment): TrafficSplit {
  const isHere = (release: string | null) => release === null || releases.some(({ record }) => record.id === release)
  if (isHere(split.base) && isHere(split.candidate)) return split
  const base = isHere(split.base) ? split.base : null
  return isHere(split.candidate) && base === null && split.weight === 1
    ? { ...split, base: split.candidate, candidate: null, weight: 0 }
    : { ...split, base, candidate: null, weight: 0 }
}

export interface ApplyOptions {
  readonly split?: TrafficSplit
  readonly signal?: AbortSignal
}

export interface JoinOptions {
  readonly signal: AbortSignal
  /** Throws when the instance ended. */
  readonly assertAlive: (id: string) => Promise<void>
  readonly isLate: () => boolean
}

function notSeenHealthy(missing: readonly string[], seen: readonly EdgeInstance[]): SluiceError {
  const detail = seen.find(({ id }) => id === missing[0])?.lastCheck?.detail ?? 'it was not checked yet'
  return new SluiceError(
    'INSTANCE_UNHEALTHY',
    `${missing.join(', ')} answered us, but the edge finds it unhealthy: ${detail}`,
    {
      hint: "the health path must answer each time: see the instance's log",
      details: { instance: missing[0], instances: missing, exitCode: null, logTail: [] },
    },
  )
}
