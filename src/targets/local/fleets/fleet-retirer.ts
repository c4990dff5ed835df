import { SluiceError } from '../../../model/error.ts'
import type { ReleaseRecord } from '../../../model/release.ts'
import { shareOf, type TrafficSplit } from '../../../model/traffic-split.ts'
import { deadline } from '../../../support/deadline.ts'
import type { MutationOptions, Retired } from '../../target.ts'
import type { RunState, Runtime } from '../processes/runtime.ts'
import type { EnvironmentStore, StoredEnvironment } from '../records/environment-store.ts'
import { governingRelease } from '../routing/route-table.ts'
import type { Traffic } from '../routing/traffic.ts'
import { sayFarewell } from './farewell.ts'

/** Takes a release off the machine: quiet first, then gone; its immutable files stay served. */
export class FleetRetirer {
  readonly #runtime: Runtime
  readonly #store: EnvironmentStore
  readonly #traffic: Traffic
  readonly #stopping = new Set<string>()

  constructor(options: { readonly runtime: Runtime; readonly store: EnvironmentStore; readonly traffic: Traffic }) {
    this.#runtime = options.runtime
    this.#store = options.store
    this.#traffic = options.traffic
  }

  readonly isStopping = (id: string): boolean => this.#stopping.has(id)

  async retire(environment: string, release: string, options: MutationOptions): Promise<Retired> {
    const { signal, done } = deadline(`retiring ${release}`, options)
    const runs = (await this.#runtime.list()).filter(
      (run) => run.environment === environment && run.release === release,
    )
    const ids = runs.map(({ id }) => id)
    for (const id of ids) this.#stopping.add(id)
    try {
      await this.#assertQuiet(environment, release)
      const record = this.#store.release(environment, release)?.record ?? null
      const drainMs = Math.max(0, ...(record?.services ?? []).map((service) => service.drainMs))
      await this.#unroute(environment, release)
      const cut = await sayFarewell(
        runs,
        { runtime: this.#runtime, traffic: this.#traffic },
        {
          environment,
          release,
          drainMs: Math.min(drainMs, options.deadlineMs),
          graceMsOf: (run) => graceMsOf(run, record),
          signal,
        },
      )
      await this.#forget(environment, release)
      this.#traffic.forget(ids)
      await this.#traffic.apply(environment, { signal })
      return { stopped: ids, cut }
    } finally {
      for (const id of ids) this.#stopping.delete(id)
      done()
    }
  }

  async #assertQuiet(environment: string, release: string): Promise<void> {
    const split = (await this.#traffic.seen(environment))?.split ?? null
    const share = shareOf(release, split)
    if (share === 0) return
    throw new SluiceError(
      'STATE_CONFLICT',
      `${release} still gets ${Math.round(share * 10_000) / 100} % of the traffic of ${environment}`,
      { hint: 'move the traffic to another release first', details: { release, share } },
    )
  }

  /** A side of the split that gets nothing may still name the release: the table would be impossible without it. */
  async #unroute(environment: string, release: string): Promise<void> {
    const split = this.#store.get(environment)?.split ?? null
    if (split === null || (split.base !== release && split.candidate !== release)) return
    const rest: TrafficSplit =
      split.candidate === release
        ? { ...split, base: split.base === release ? null : split.base, candidate: null, weight: 0 }
        : { ...split, base: split.candidate, candidate: null, weight: 0 }
    await this.#traffic.apply(environment, { split: rest })
  }

  async #forget(environment: string, release: string): Promise<void> {
    if (this.#store.get(environment) === null) return
    await this.#store.update(environment, (stored) => {
      const keep = governing(stored)?.keepAssetsOfReleases ?? 0
      const releases = stored.releases.filter(({ record }) => record.id !== release)
      return {
        ...stored,
        releases,
        assets: keptAssets(
          stored,
          releases.map(({ record }) => record.id),
          keep,
        ),
      }
    })
  }
}

function graceMsOf(run: RunState, record: ReleaseRecord | null): number {
  return record?.services.find(({ name }) => name === run.service)?.stopGraceMs ?? 5000
}

function governing(stored: StoredEnvironment): ReleaseRecord | null {
  return stored.releases.length === 0 || stored.split === null ? null : governingRelease(stored, stored.split)
}

/** Those of live releases and of the last `keep` retired ones. */
function keptAssets(stored: StoredEnvironment, live: readonly string[], keep: number) {
  const retired = [...new Set(stored.assets.map(({ release }) => release))].filter((id) => !live.includes(id))
  const kept = new Set([...live, ...retired.slice(0, keep)])
  return stored.assets.filter(({ release }) => kept.has(release))
}
