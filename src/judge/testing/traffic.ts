import type { Sample } from '../../model/sample.ts'
import type { Decision, FleetInput, History, JudgeCapabilities, JudgeInput, JudgePolicy } from '../judge.ts'
import { start } from '../start.ts'
import type { JudgeState } from '../state.ts'
import { step } from '../step.ts'

/** Unix second at which test rollouts begin. */
export const BEGIN = 1_800_000_000

export const capabilities: JudgeCapabilities = {
  lowestWeight: 0,
  reactionSeconds: 1,
  perInstance: true,
  assignment: 'request',
}

/** Seeded numbers in [0, 1), so that every test run sees the same traffic. */
export function seeded(seed: number): () => number {
  let state = (seed * 2654435761) >>> 0 || 1
  return () => {
    state = (state ^ (state << 13)) >>> 0
    state = (state ^ (state >>> 17)) >>> 0
    state = (state ^ (state << 5)) >>> 0
    return state / 4294967296
  }
}

export interface TrafficOptions {
  readonly requestsPerSecond?: number
  readonly oldRate?: number
  /** Failure rate of one instance of the new release in one second. */
  readonly newRate?: number | ((second: number, instance: string) => number)
  readonly oldInstances?: readonly string[]
  readonly newInstances?: readonly string[]
  readonly seed?: number
  readonly historySeconds?: number
  readonly decorate?: (sample: Sample, second: number) => Sample
  /** Adds to the input of a second. */
  readonly more?: (second: number, weight: number) => Partial<JudgeInput>
  /** Increments of earlier seconds that become known in this one. */
  readonly late?: (release: string, second: number) => readonly Sample[]
  /** Live instances of both fleets that get no requests. */
  readonly workers?: readonly string[]
  readonly capabilities?: Partial<JudgeCapabilities>
}

export const four = (name: string) => [0, 1, 2, 3].map((i) => `${name}-${i}`)

export function makeHistory(options: TrafficOptions = {}): History {
  const { requestsPerSecond = 100, oldRate = 0.001, oldInstances = four('old'), historySeconds = 1800 } = options
  const random = seeded((options.seed ?? 1) + 1000)
  const samples: Sample[] = []
  for (let from = -historySeconds; from < 0; from += 10) {
    for (const instance of oldInstances) {
      const requests = Math.round((requestsPerSecond * 10) / oldInstances.length)
      const sample = sampleOf(BEGIN + from, 'old', instance, 0, requests, failures(random, requests, oldRate), 10)
      samples.push(options.decorate?.(sample, from) ?? sample)
    }
  }
  return { samples, instances: oldInstances }
}

export function sampleOf(
  from: number,
  release: string,
  instance: string,
  weight: number,
  requests: number,
  bad: number,
  seconds = 1,
): Sample {
  return { from, seconds, service: 'web', release, instance, weight, requests, bad, statusClasses: {} }
}

function failures(random: () => number, requests: number, rate: number): number {
  let bad = 0
  for (let i = 0; i < requests; i++) if (random() < rate) bad += 1
  return bad
}

export interface Course {
  readonly state: JudgeState
  readonly decisions: readonly Decision[]
  readonly last: Decision
  readonly failedNew: number
}

/** Runs a rollout for so many seconds; decisions take effect with the next second. `through` may swap the state. */
export function runRollout(
  policy: JudgePolicy,
  seconds: number,
  options: TrafficOptions = {},
  through: (state: JudgeState) => JudgeState = (state) => state,
): Course {
  const { requestsPerSecond = 100, oldRate = 0.001, newRate = oldRate } = options
  const old = options.oldInstances ?? four('old')
  let fresh = options.newInstances ?? four('new')
  const random = seeded(options.seed ?? 1)
  let state = start(policy, makeHistory(options))
  let weight = policy.mode === 'watch' ? 1 : 0
  const decisions: Decision[] = []
  let failedNew = 0
  let made = 0
  for (let s = 0; s < seconds; s++) {
    const counts = new Map<string, { requests: number; bad: number }>()
    for (let i = 0; i < requestsPerSecond; i++) {
      const toNew = random() < weight && fresh.length > 0
      const fleet = toNew || old.length === 0 ? fresh : old
      const instance = fleet[Math.floor(random() * fleet.length)] ?? 'none'
      const rate = fleet === fresh ? (typeof newRate === 'number' ? newRate : newRate(s, instance)) : oldRate
      const count = counts.get(instance) ?? { requests: 0, bad: 0 }
      count.requests += 1
      if (random() < rate) count.bad += 1
      counts.set(instance, count)
    }
    const inputOf = (release: 'old' | 'new', ids: readonly string[]): FleetInput => ({
      instances: [...ids, ...(options.workers ?? []).map((id) => `${release}-${id}`)],
      samples: [
        ...(options.late?.(release, s) ?? []),
        ...ids.flatMap((id) => {
          const count = counts.get(id)
          if (count === undefined) return []
          const sample = sampleOf(BEGIN + s, release, id, weight, count.requests, count.bad)
          if (release === 'new') failedNew += count.bad
          return [options.decorate?.(sample, s) ?? sample]
        }),
      ],
    })
    const answer = step(through(state), {
      second: BEGIN + s,
      weight,
      old: inputOf('old', old),
      new: inputOf('new', fresh),
      probes: [],
      capabilities: { ...capabilities, ...options.capabilities },
      ...options.more?.(s, weight),
    })
    state = answer.state
    decisions.push(answer.decision)
    weight = answer.decision.weight
    const { replace, action } = answer.decision
    fresh = fresh.map((id) => (replace.includes(id) ? `fresh-${made++}` : id))
    if (action === 'roll-back') break
  }
  const last = decisions.at(-1)
  if (last === undefined) throw new RangeError('no second was run')
  return { state, decisions, last, failedNew }
}
