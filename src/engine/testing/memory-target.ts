import { SluiceError } from '../../model/error.ts'
import type { Hold } from '../../model/holds.ts'
import type { Fleet, Instance } from '../../model/instance.ts'
import type { Sample } from '../../model/sample.ts'
import { shareOf, type TrafficSplit } from '../../model/traffic-split.ts'
import type { LocalTargetOptions } from '../../targets/local/local-context.ts'
import type { Answer, Runner, Target, TargetCapabilities } from '../../targets/target.ts'
import type { TargetKind } from '../../targets/target-kind.ts'

/**
 * Targets in memory, for the engine's own laws: they keep fences, refuse what a real one refuses, and write down every
 * order. Real processes and sockets are the business of the contract suites and of `e2e/`.
 */
export interface MemoryTarget {
  kind(environmentOf?: LocalTargetOptions['environmentOf']): TargetKind
  /** As the engine asks for it. */
  of(environment: string): Target
  readonly orders: string[]
  /** What `logs` gives. */
  logLines: string[]
  /** Thrown by the next call of this name. */
  failNext(call: 'scale' | 'shift' | 'retire', error: SluiceError): void
  /** Called in every `scale` before it acts: a test can wait or kill here. */
  beforeScale: (release: string) => Promise<void>
  crash(release: string): void
  /** What instances of a release answer when they are asked; null: nobody can ask one that has no traffic. */
  statusOf: ((release: string, path: string) => number) | null
  /** What the public route answers with; null: nobody of ours does. Absent: the release that has the traffic, and 200. */
  publicAnswer: Answer | undefined
  /** In what it differs from a quick place. */
  habits: Partial<TargetCapabilities>
  /** Orders to make requests wait. */
  readonly holds: Hold[]
  splitOf(environment: string): TrafficSplit | null
  releasesRunning(environment: string): string[]
  fleetsOf(environment: string): readonly Fleet[]
  push(environment: string, samples: readonly Sample[]): void
}

export interface MemoryTargetOptions {
  readonly runnerWith: (environmentOf: LocalTargetOptions['environmentOf']) => Runner
}

export function memoryTarget(options: MemoryTargetOptions = noCommands): MemoryTarget {
  const fleets = new Map<string, Map<string, Map<string, number>>>()
  const crashed = new Set<string>()
  const splits = new Map<string, TrafficSplit>()
  const fences = new Map<string, number>()
  const samples = new Map<string, Sample[]>()
  const failures = new Map<string, SluiceError>()
  const orders: string[] = []
  /** How often the instance of an id without its last part was replaced. */
  const replaced = new Map<string, number>()

  const fenceOf = (environment: string, fence: number) => {
    if (fence < (fences.get(environment) ?? 0)) {
      throw new SluiceError('FENCED', `fence ${fence} is older than ${fences.get(environment)}`)
    }
    fences.set(environment, fence)
  }
  const failIfAsked = (call: string) => {
    const error = failures.get(call)
    failures.delete(call)
    if (error !== undefined) throw error
  }
  const fleetsOf = (environment: string) => {
    const known = fleets.get(environment) ?? new Map<string, Map<string, number>>()
    fleets.set(environment, known)
    return known
  }
  const instanceId = (release: string, service: string, index: number) => {
    const name = `${release}-${service}-${index}`
    const generation = replaced.get(name) ?? 0
    return generation === 0 ? name : `${name}-${generation}`
  }
  const fleetView = (environment: string, release: string): Fleet => ({
    environment,
    release,
    instances: [...(fleetsOf(environment).get(release) ?? [])].flatMap(([service, count]) =>
      Array.from(
        { length: count },
        (_, index): Instance => ({
          id: instanceId(release, service, index),
          environment,
          release,
          service,
          index,
          state: crashed.has(release) ? 'crash-loop' : 'ready',
          restarts: 0,
        }),
      ),
    ),
  })

  const capabilities = (): TargetCapabilities => ({
    weights: 'any',
    canLower: true,
    assignment: 'visitor',
    perInstance: true,
    sampleSeconds: 1,
    sampleLagSeconds: 0,
    reactionSeconds: 2,
    warmStandby: true,
    ownsShift: false,
    previews: target.statusOf !== null,
    pace: { inspectMs: 1000, launchMs: 60_000, shiftMs: 5000, quietMs: 0 },
    ...target.habits,
  })
  const allFleets = (environment: string) =>
    [...fleetsOf(environment).keys()].map((release) => fleetView(environment, release))

  const open = (environment: string, runner: Runner): Target => ({
    get capabilities() {
      return capabilities()
    },
    fleets: {
      inspect: async () => ({ fleets: allFleets(environment), fence: fences.get(environment) ?? 0 }),
      scale: async (release, counts, { fence, signal, replace = [] }) => {
        await target.beforeScale(release.id)
        signal.throwIfAborted()
        fenceOf(environment, fence)
        failIfAsked('scale')
        orders.push(`scale ${release.id} ${JSON.stringify(counts)}`)
        for (const { id, service, index } of fleetView(environment, release.id).instances) {
          const name = `${release.id}-${service}-${index}`
          if (replace.includes(id)) replaced.set(name, (replaced.get(name) ?? 0) + 1)
        }
        const fleet = fleetsOf(environment).get(release.id) ?? new Map<string, number>()
        for (const [service, count] of Object.entries(counts)) fleet.set(service, count)
        fleetsOf(environment).set(release.id, fleet)
        return fleetView(environment, release.id)
      },
      retire: async (release, { fence }) => {
        fenceOf(environment, fence)
        failIfAsked('retire')
        if (shareOf(release, splits.get(environment) ?? null) > 0) {
          throw new SluiceError('STATE_CONFLICT', `traffic still leads to ${release}`)
        }
        orders.push(`retire ${release}`)
        const stopped = fleetView(environment, release).instances.map((instance) => instance.id)
        fleetsOf(environment).delete(release)
        return { stopped, cut: 0 }
      },
    },
    traffic: {
      shift: async (split, { fence, signal }) => {
        signal.throwIfAborted()
        fenceOf(environment, fence)
        failIfAsked('shift')
        orders.push(`shift ${split.base ?? '-'} ${split.candidate ?? '-'} ${split.weight}`)
        splits.set(environment, split)
      },
      hold: async (order) => void target.holds.push(order),
      urls: () => [],
      usage: async () => ({
        split: splits.get(environment) ?? null,
        releases: Object.fromEntries(
          target
            .releasesRunning(environment)
            .map((release) => [release, { inFlight: 0, lastRequestAt: null, healthyInstances: 1 }]),
        ),
      }),
    },
    witness: {
      async *samples({ after, signal }) {
        let position = Number(after ?? 0)
        while (!signal.aborted) {
          const all = samples.get(environment) ?? []
          yield { samples: all.slice(position), cursor: String(all.length) }
          position = all.length
          await new Promise((resolve) => setTimeout(resolve, 20))
        }
      },
      async *logs() {
        for (const line of target.logLines) yield { instance: 'i1', service: 'web', release: 'r1', line }
      },
      ask: async ({ route, release }, { path }) => {
        if (route === 'public') return target.publicAnswer ?? answerOf(mainOf(splits.get(environment) ?? null), 200)
        return answerOf(release.id, target.statusOf?.(release.id, path) ?? null)
      },
    },
    runner,
    deliver: async () => {},
    resolve: async (settings) => settings,
  })

  const target: MemoryTarget = {
    of: (environment) => open(environment, options.runnerWith(nothingMore)),
    kind: (environmentOf = nothingMore) => {
      const runner = options.runnerWith(environmentOf)
      return { name: 'local', open: ({ key }) => open(key, runner) }
    },
    orders,
    habits: {},
    holds: [],
    logLines: [],
    beforeScale: async () => {},
    statusOf: null,
    publicAnswer: undefined,
    failNext: (call, error) => failures.set(call, error),
    crash: (release) => crashed.add(release),
    splitOf: (environment) => splits.get(environment) ?? null,
    releasesRunning: (environment) => [...fleetsOf(environment).keys()].sort(),
    fleetsOf: allFleets,
    push: (environment, more) => samples.set(environment, [...(samples.get(environment) ?? []), ...more]),
  }
  return target
}

const nothingMore = async () => ({})

const noCommands: MemoryTargetOptions = {
  runnerWith: () => ({ run: () => Promise.reject(new Error('no command runs here')) }),
}

/** Who gets most of the traffic. */
function mainOf(split: TrafficSplit | null): string | null {
  if (split === null) return null
  return split.candidate !== null && split.weight >= 0.5 ? split.candidate : split.base
}

function answerOf(release: string | null, status: number | null): Answer {
  return { status, release, detail: `${status ?? 'nothing'} from ${release ?? 'nobody'}` }
}
