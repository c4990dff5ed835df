import { SluiceError } from '../../../model/error.ts'
import type { ReleaseRecord, ReleaseService } from '../../../model/release.ts'
import type { Clock } from '../../../support/clock.ts'
import { deadline } from '../../../support/deadline.ts'
import type { MutationOptions } from '../../target.ts'
import type { InstanceLauncher } from '../instances/instance-launcher.ts'
import { crashed, TAIL_LINES } from '../instances/launch-errors.ts'
import { tailOf } from '../logs/log-tail.ts'
import type { RunState, Runtime } from '../processes/runtime.ts'
import type { EnvironmentStore } from '../records/environment-store.ts'
import type { Traffic } from '../routing/traffic.ts'
import { sayFarewell } from './farewell.ts'

export type Counts = Readonly<Record<string, number>>
export type ScaleOptions = MutationOptions & { readonly replace?: readonly string[] }

/** What is to be done for one service, found by looking at what runs. */
interface ServicePlan {
  readonly service: ReleaseService
  /** Alive and to stay. */
  readonly kept: readonly RunState[]
  /** Places of the instances to start. */
  readonly missing: readonly number[]
  /** Alive, to go once the others are ready. */
  readonly surplus: readonly RunState[]
  readonly dead: readonly RunState[]
}

/** Brings a release's fleet to its counts. The caller sees to it that nothing else starts instances of it meanwhile. */
export class FleetScaler {
  readonly #runtime: Runtime
  readonly #store: EnvironmentStore
  readonly #traffic: Traffic
  readonly #launcher: InstanceLauncher
  readonly #clock: Clock

  constructor(options: {
    readonly runtime: Runtime
    readonly store: EnvironmentStore
    readonly traffic: Traffic
    readonly launcher: InstanceLauncher
    readonly clock: Clock
  }) {
    this.#runtime = options.runtime
    this.#store = options.store
    this.#traffic = options.traffic
    this.#launcher = options.launcher
    this.#clock = options.clock
  }

  async scale(release: ReleaseRecord, counts: Counts, options: ScaleOptions): Promise<void> {
    const { signal, done } = deadline(`bringing up ${release.id}`, options)
    try {
      const plans = await this.#plan(release, counts, options.replace ?? [])
      for (const run of plans.flatMap(({ dead }) => dead)) await this.#stop(run, 0)
      const started = await this.#growOrUndo(release, plans, signal)
      await this.#recordDesired(release, plans, started)
      await this.#shrink(release, plans, { ...options, signal })
    } finally {
      done()
    }
  }

  async #plan(release: ReleaseRecord, counts: Counts, replace: readonly string[]): Promise<readonly ServicePlan[]> {
    const runs = (await this.#runtime.list()).filter(
      (run) => run.environment === release.environment && run.release === release.id,
    )
    // Cut short in an earlier shrink or retire: the edge gives them no request any more, so they cannot stay.
    const seen = await this.#traffic.seen(release.environment)
    const draining = (seen?.instances ?? []).filter((each) => each.draining).map(({ id }) => id)
    return Object.entries(counts).flatMap(([name, count]) => {
      const service = serviceOf(release, name)
      if (service.kind !== 'web' && service.kind !== 'worker') return []
      const own = runs.filter((run) => run.service === name)
      return [planService(service, count, own, [...replace, ...draining])]
    })
  }

  /** Starts what is missing, all at once; if one fails, everything that never served is stopped again. */
  async #growOrUndo(
    release: ReleaseRecord,
    plans: readonly ServicePlan[],
    signal: AbortSignal,
  ): Promise<readonly RunState[]> {
    const failed = new AbortController()
    const either = AbortSignal.any([signal, failed.signal])
    const started: RunState[] = []
    try {
      const work = plans.flatMap((plan) => [
        ...plan.missing.map(async (index) => {
          const run = await this.#launcher.launch({ release, service: plan.service, index, signal: either })
          started.push(run)
        }),
        ...plan.kept.map((run) => this.#awaitAdopted(release, plan.service, run, either)),
      ])
      await firstFailure(work, failed)
      await this.#join(release, plans, started, signal)
      return started
    } catch (error) {
      const graceMs = Math.min(2000, ...plans.map(({ service }) => service.stopGraceMs))
      const unserved = [
        ...started,
        ...plans.flatMap(({ kept }) => kept).filter((run) => !this.#isDesired(release, run)),
      ]
      await Promise.all(unserved.map((run) => this.#stop(run, graceMs)))
      await this.#traffic.apply(release.environment).catch(() => {}) // the failure itself matters more
      throw error
    }
  }

  /** Adopted instances may still be booting, or may have been started by an attempt that was cut short. */
  async #awaitAdopted(
    release: ReleaseRecord,
    service: ReleaseService,
    run: RunState,
    signal: AbortSignal,
  ): Promise<void> {
    if (this.#isDesired(release, run)) {
      const seen = await this.#traffic.seen(release.environment)
      if (run.port === undefined || seen?.instances.some(({ id, healthy }) => id === run.id && healthy)) return
    }
    await this.#launcher.waitUntilReady({ service, signal }, run)
  }

  async #join(
    release: ReleaseRecord,
    plans: readonly ServicePlan[],
    started: readonly RunState[],
    signal: AbortSignal,
  ) {
    const kept = plans.flatMap((plan) => plan.kept)
    const begun = this.#clock.monotonicMs()
    const readyMs = Math.max(0, ...plans.map(({ service }) => service.health.readyMs))
    const routed = [...kept, ...started].filter((run) => run.port !== undefined).map(({ id }) => id)
    await this.#traffic.join(release.environment, routed, {
      signal,
      isLate: () => this.#clock.monotonicMs() - begun > readyMs,
      assertAlive: (id) => this.#assertAlive(release, id, begun),
    })
  }

  async #assertAlive(release: ReleaseRecord, id: string, begun: number): Promise<void> {
    const run = await this.#runtime.inspect(id)
    if (run === null || run.alive) return
    const logTail = await tailOf(run.logFile, TAIL_LINES)
    const waitedMs = this.#clock.monotonicMs() - begun
    throw crashed({ run, service: serviceOf(release, run.service), logTail, waitedMs })
  }

  async #recordDesired(
    release: ReleaseRecord,
    plans: readonly ServicePlan[],
    started: readonly RunState[],
  ): Promise<void> {
    const settled = [...plans.flatMap(({ kept }) => kept), ...started].map(({ id }) => id)
    const touched = plans.flatMap(({ dead, surplus }) => [...dead, ...surplus]).map(({ id }) => id)
    await this.#store.updateRelease(release.environment, release.id, (stored) => ({
      ...stored,
      desired: [...new Set([...stored.desired.filter((id) => !touched.includes(id)), ...settled])],
    }))
    this.#traffic.forget(settled)
  }

  async #shrink(record: ReleaseRecord, plans: readonly ServicePlan[], options: MutationOptions): Promise<void> {
    await Promise.all(
      plans
        .filter(({ surplus }) => surplus.length > 0)
        .map(async ({ service, surplus }) => {
          const ids = surplus.map(({ id }) => id)
          const { environment, id: release } = record
          const drainMs = Math.min(service.drainMs, options.deadlineMs)
          const graceMsOf = () => service.stopGraceMs
          const parts = { runtime: this.#runtime, traffic: this.#traffic }
          await sayFarewell(surplus, parts, { environment, release, drainMs, graceMsOf, signal: options.signal })
          await this.#traffic.remove(environment, ids, options.signal)
          this.#traffic.forget(ids)
        }),
    )
  }

  async #stop(run: RunState, graceMs: number): Promise<void> {
    await this.#runtime.stop(run.id, { graceMs, keepLog: true })
  }

  #isDesired(release: ReleaseRecord, run: RunState): boolean {
    return this.#store.release(release.environment, release.id)?.desired.includes(run.id) ?? false
  }
}

function planService(
  service: ReleaseService,
  count: number,
  runs: readonly RunState[],
  replace: readonly string[],
): ServicePlan {
  const alive = runs.filter((run) => run.alive).toSorted((a, b) => a.index - b.index)
  const stay = alive.filter((run) => !replace.includes(run.id))
  const kept = stay.slice(0, count)
  const used = new Set(kept.map(({ index }) => index))
  const free = Array.from({ length: count }, (_, index) => index).filter((index) => !used.has(index))
  return {
    service,
    kept,
    missing: free.slice(0, count - kept.length),
    surplus: alive.filter((run) => !kept.includes(run)),
    dead: runs.filter((run) => !run.alive),
  }
}

function serviceOf(release: ReleaseRecord, name: string): ReleaseService {
  const service = release.services.find((each) => each.name === name)
  if (service === undefined) throw new SluiceError('NOT_FOUND', `release ${release.id} has no service ${name}`)
  return service
}

/** Waits for all; at the first failure the rest is told to stop, and that failure is what is thrown. */
async function firstFailure(work: readonly Promise<void>[], failed: AbortController): Promise<void> {
  const failures: unknown[] = []
  await Promise.all(
    work.map((each) =>
      each.catch((error: unknown) => {
        failures.push(error)
        failed.abort(error)
      }),
    ),
  )
  if (failures.length > 0) throw failures[0]
}
