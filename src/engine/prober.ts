import type { ProbeResult } from '../judge/index.ts'
import type { ReleaseRecord } from '../model/release.ts'
import type { EngineContext } from './context.ts'
import { patienceWith } from './patience.ts'
import type { DeploymentRun } from './run.ts'

const PROBE_EVERY_MS = 10_000
/** Until the new release has answered its first rounds: users wait for them. */
const FIRST_ROUNDS_EVERY_MS = 1000
/** Where nothing can be probed the first rounds end by themselves. */
const MOST_FIRST_ROUNDS = 120
const PROBE_TIMEOUT_MS = 5_000

export interface Prober {
  /** Results since the last call. */
  take(): readonly ProbeResult[]
  stop(): void
}

export interface ProberOptions {
  /** Clean rounds in a row of the new release that are waited for with quick ones. */
  readonly firstRounds: number
  /** Called when a round's results are in. */
  readonly onResults: () => void
}

/** Synthetic requests to the critical routes of both releases: what a site without traffic is judged by. */
export function startProber(context: EngineContext, run: DeploymentRun, options: ProberOptions): Prober {
  let results: ProbeResult[] = []
  const abort = new AbortController()
  void probeRounds(context, run, options.firstRounds, abort.signal, (probes) => {
    results.push(...probes)
    options.onResults()
  }).catch(() => {}) // only its own stop ends it
  return {
    take: () => {
      const taken = results
      results = []
      return taken
    },
    stop: () => abort.abort(),
  }
}

/**
 * What can be probed of the new release: the health path of each web service, and the smoke paths. Empty where nobody can
 * ask a release that has no traffic.
 */
export function probeRoutes(context: EngineContext, run: DeploymentRun): readonly string[] {
  if (!context.targets.of(run.environment).capabilities.previews) return []
  return run.release.services.flatMap((service) =>
    pathsOf(service, run.settings.smoke).map((path) => routeName(service.name, path)),
  )
}

async function probeRounds(
  context: EngineContext,
  run: DeploymentRun,
  firstRounds: number,
  signal: AbortSignal,
  onRound: (results: readonly ProbeResult[]) => void,
): Promise<void> {
  const { tickMs: lookMs } = patienceWith(context.targets.of(run.environment).capabilities)
  let clean = 0
  for (let round = 1; !signal.aborted; round++) {
    const startedMs = context.clock.monotonicMs()
    const probe = async (release: 'old' | 'new', record: ReleaseRecord | null) => {
      const results = record === null ? [] : await probeRelease(context, run, { release, record, round, signal })
      if (results.length > 0 && !signal.aborted) onRound(results)
      return results
    }
    const [ofNew] = await Promise.all([probe('new', run.release), probe('old', run.base)])
    clean = ofNew.length > 0 && ofNew.every(({ ok }) => ok) ? clean + 1 : 0
    const isFirst = clean < firstRounds && round < MOST_FIRST_ROUNDS
    if (!isFirst) firstRounds = 0
    const everyMs = Math.max(lookMs, isFirst ? FIRST_ROUNDS_EVERY_MS : PROBE_EVERY_MS)
    await context.clock.sleep(Math.max(0, startedMs + everyMs - context.clock.monotonicMs()), signal)
  }
}

async function probeRelease(
  context: EngineContext,
  run: DeploymentRun,
  asked: {
    readonly release: 'old' | 'new'
    readonly record: ReleaseRecord
    readonly round: number
    readonly signal: AbortSignal
  },
): Promise<ProbeResult[]> {
  const { release, record, round, signal } = asked
  const target = context.targets.of(run.environment)
  if (!target.capabilities.previews) return []
  try {
    const { fleets } = await target.fleets.inspect()
    const instances = fleets.find((fleet) => fleet.release === record.id)?.instances ?? []
    const probes = record.services.flatMap((service) => {
      const ready = instances.filter((instance) => instance.service === service.name && instance.state === 'ready')
      const instance = ready[round % Math.max(1, ready.length)]?.id
      if (instance === undefined) return []
      return pathsOf(service, run.settings.smoke).map((path) => ({ service: service.name, instance, path }))
    })
    return await Promise.all(
      probes.map(async ({ service, instance, path }) => {
        const whom = { route: 'preview', release: record, instance } as const
        const answer = await target.witness.ask(whom, { service, path }, { signal, deadlineMs: PROBE_TIMEOUT_MS })
        return { release, route: routeName(service, path), ok: answer.status !== null && answer.status < 500 }
      }),
    )
  } catch {
    return [] // the router or the database is away for a moment: no measurement is no evidence
  }
}

function pathsOf(service: ReleaseRecord['services'][number], smoke: readonly string[]): readonly string[] {
  return service.kind === 'web' ? [...new Set([service.health.path ?? '/', ...smoke])] : []
}

function routeName(service: string, path: string): string {
  return `${service} ${path}`
}
