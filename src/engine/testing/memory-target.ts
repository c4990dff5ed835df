import type { TrafficSplit } from '../../edge/edge.ts'
import { SluiceError } from '../../model/error.ts'
import type { Fleet, Instance } from '../../model/instance.ts'
import type { Sample } from '../../model/sample.ts'
import type { Target } from '../../targets/target.ts'

/**
 * A target in memory, for the engine's own laws: it keeps fences, refuses what a real one refuses, and writes down
 * every order. Real processes and sockets are the business of the contract suites and of `e2e/`.
 */
export interface MemoryTarget extends Target {
  readonly orders: string[]
  /** Thrown by the next call of this name. */
  /** What `logs` gives. */
  logLines: string[]
  failNext(call: 'scale' | 'shift' | 'retire', error: SluiceError): void
  /** Called in every `scale` before it acts: a test can wait or kill here. */
  beforeScale: (release: string) => Promise<void>
  crash(release: string): void
  /** Where instances of a release answer; absent: nowhere. */
  addressOf: (release: string) => Instance['address']
  /** Public address of every environment; null: none. */
  url: string | null
  /** Requests that the router saw of every release. */
  requestsSeen: number
  splitOf(environment: string): TrafficSplit | null
  releasesRunning(environment: string): string[]
  push(environment: string, samples: readonly Sample[]): void
}

export function memoryTarget(): MemoryTarget {
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
          ...addressed(target.addressOf(release)),
        }),
      ),
    ),
  })

  const target: MemoryTarget = {
    orders,
    beforeScale: async () => {},
    addressOf: () => undefined,
    url: null,
    requestsSeen: 1,
    failNext: (call, error) => failures.set(call, error),
    crash: (release) => crashed.add(release),
    splitOf: (environment) => splits.get(environment) ?? null,
    releasesRunning: (environment) => [...fleetsOf(environment).keys()].sort(),
    push: (environment, more) => samples.set(environment, [...(samples.get(environment) ?? []), ...more]),
    capabilities: {
      name: 'memory',
      weights: 'any',
      canLower: true,
      assignment: 'visitor',
      perInstance: true,
      sampleSeconds: 1,
      reactionSeconds: 2,
      warmStandby: true,
      ownsShift: false,
    },
    inspect: async (environment) => ({
      environment,
      fleets: [...fleetsOf(environment).keys()].map((release) => fleetView(environment, release)),
      split: splits.get(environment) ?? null,
      fence: fences.get(environment) ?? 0,
      urls: target.url === null ? [] : [target.url],
      traffic: Object.fromEntries(
        [...fleetsOf(environment).keys()].map((release) => [
          release,
          { requests: target.requestsSeen, inFlight: 0, lastRequestAt: null, healthyInstances: 1 },
        ]),
      ),
    }),
    scale: async (release, counts, { fence, signal, replace = [] }) => {
      await target.beforeScale(release.id)
      signal.throwIfAborted()
      fenceOf(release.environment, fence)
      failIfAsked('scale')
      orders.push(`scale ${release.id} ${JSON.stringify(counts)}`)
      for (const { id, service, index } of fleetView(release.environment, release.id).instances) {
        const name = `${release.id}-${service}-${index}`
        if (replace.includes(id)) replaced.set(name, (replaced.get(name) ?? 0) + 1)
      }
      const fleet = fleetsOf(release.environment).get(release.id) ?? new Map<string, number>()
      for (const [service, count] of Object.entries(counts)) fleet.set(service, count)
      fleetsOf(release.environment).set(release.id, fleet)
      return fleetView(release.environment, release.id)
    },
    shift: async (environment, split, { fence, signal }) => {
      signal.throwIfAborted()
      fenceOf(environment, fence)
      failIfAsked('shift')
      orders.push(`shift ${split.base ?? '-'} ${split.candidate ?? '-'} ${split.weight}`)
      splits.set(environment, split)
    },
    retire: async (environment, release, { fence }) => {
      fenceOf(environment, fence)
      failIfAsked('retire')
      const split = splits.get(environment)
      if (split?.base === release || (split?.candidate === release && split.weight > 0)) {
        throw new SluiceError('STATE_CONFLICT', `traffic still leads to ${release}`)
      }
      orders.push(`retire ${release}`)
      const stopped = fleetView(environment, release).instances.map((instance) => instance.id)
      fleetsOf(environment).delete(release)
      return { stopped, cut: 0 }
    },
    async *samples(environment, { after, signal }) {
      let position = Number(after ?? 0)
      while (!signal.aborted) {
        const all = samples.get(environment) ?? []
        yield { samples: all.slice(position), cursor: String(all.length) }
        position = all.length
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    },
    logLines: [],
    async *logs() {
      for (const line of target.logLines) yield { instance: 'i1', service: 'web', release: 'r1', line }
    },
  }
  return target
}

function addressed(address: Instance['address']): Pick<Instance, 'address'> {
  return address === undefined ? {} : { address }
}
