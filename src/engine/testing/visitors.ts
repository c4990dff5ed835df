import type { Sample } from '../../model/sample.ts'
import type { Clock } from '../../support/clock.ts'
import type { MemoryTarget } from './memory-target.ts'

/** Visitors of one environment: each second some requests, by the split in force, failing as often as the test says. */
export interface Visitors {
  /** Share of the release's requests that fail; of others one in a thousand does. */
  fail(release: string, share: number): void
  /** Requests that the release was sent so far, and that its samples tell of. */
  requestsTo(release: string): number
  stop(): void
}

export interface VisitorsOptions {
  readonly target: MemoryTarget
  readonly environment: string
  readonly clock: Clock
  readonly perSecond: number
  /** Seconds of the serving release's past that are known already. */
  readonly historySeconds: number
}

const USUAL_SHARE = 0.001

export function startVisitors(options: VisitorsOptions): Visitors {
  const { target, environment, clock, perSecond, historySeconds } = options
  const failing = new Map<string, number>()
  const sent = new Map<string, number>()
  const random = seeded(7)
  const secondNow = () => Math.floor(clock.now().getTime() / 1000)

  const samplesAt = (second: number): Sample[] => {
    const fleets = target.fleetsOf(environment)
    const split = target.splitOf(environment)
    const weight = split?.candidate == null ? 0 : split.weight
    const shares = [
      { release: split?.base, share: 1 - weight },
      { release: split?.candidate, share: weight },
    ]
    return shares.flatMap(({ release, share }) => {
      const instances = fleets.find((fleet) => fleet.release === release)?.instances ?? []
      if (release == null || instances.length === 0) return []
      const requests = binomial(perSecond, share, random)
      return instances.map((instance, index): Sample => {
        const own = Math.floor((requests + index) / instances.length)
        const bad = binomial(own, failing.get(release) ?? USUAL_SHARE, random)
        const statusClasses = { '2xx': own - bad, '5xx': bad }
        const { service, id } = instance
        return { from: second, seconds: 1, service, release, instance: id, weight, requests: own, bad, statusClasses }
      })
    })
  }

  let next = secondNow() - historySeconds
  let visiting: Promise<void> = Promise.resolve()
  const visit = async () => {
    const samples: Sample[] = []
    // Nobody visits in an hour that the clock skipped.
    if (Math.abs(secondNow() - next) > 600) next = secondNow() - 1
    for (const now = secondNow(); next < now; next++) samples.push(...samplesAt(next))
    if (samples.length === 0) return
    target.push(environment, samples)
    for (const { release, requests } of samples) sent.set(release, (sent.get(release) ?? 0) + requests)
  }
  const timer = setInterval(() => {
    visiting = visiting.then(visit)
  }, 10)
  return {
    fail: (release, share) => void failing.set(release, share),
    requestsTo: (release) => sent.get(release) ?? 0,
    stop: () => clearInterval(timer),
  }
}

function binomial(trials: number, share: number, random: () => number): number {
  let hits = 0
  for (let trial = 0; trial < trials; trial++) if (random() < share) hits++
  return hits
}

/** The same numbers in every run. */
function seeded(seed: number): () => number {
  let state = (seed * 2654435761) >>> 0 || 1
  return () => {
    state = (state ^ (state << 13)) >>> 0
    state = (state ^ (state >>> 17)) >>> 0
    state = (state ^ (state << 5)) >>> 0
    return state / 4294967296
  }
}
