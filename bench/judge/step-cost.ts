import { type FleetInput, type JudgeState, policyFrom, start, step } from '../../src/judge/index.ts'
import { random } from './random.ts'
import type { Scenario } from './scenario.ts'
import { createWorld, EPOCH, type WorldSecond } from './world.ts'

const DISTINCT_SECONDS = 20

export interface StepCost {
  /** CPU time of this process per step; wall time would measure the neighbours. */
  readonly microseconds: number
  readonly stateBytes: number
}

/**
 * CPU time of one `step` with 20 old and 20 new instances, each with a latency histogram every second, over ten minutes of a
 * rollout, and the largest state on the way.
 */
export function measureStep(errorRate: number, requestsPerSecond: number, withLatency: boolean): StepCost {
  const scenario: Scenario = {
    id: 'step',
    seconds: 600,
    requestsPerSecond,
    instances: 40,
    reactionSeconds: 2,
    old: { errorRate },
    new: {},
    noise: [],
    ...(withLatency ? { latency: {} } : {}),
    policy: 'default',
  }
  const world = createWorld(scenario, random(1, 1))
  const history = world.history()
  const seconds: WorldSecond[] = []
  // Twenty seconds over and over: what has just arrived lies in the cache, as it does behind a real edge.
  for (let s = 0; s < DISTINCT_SECONDS; s++) seconds.push(world.second(s, 0.5))
  const capabilities = { lowestWeight: 0, reactionSeconds: 2, perInstance: true }
  let stateBytes = 0
  let state = start(policyFrom(), history)
  const inputs = Array.from({ length: scenario.seconds }, (_, s) => ({
    second: EPOCH + s,
    weight: 0.5,
    old: at(seconds[s % DISTINCT_SECONDS]?.old, EPOCH + s),
    new: at(seconds[s % DISTINCT_SECONDS]?.new, EPOCH + s),
    probes: [],
    capabilities,
  }))
  for (const input of inputs) {
    state = step(state, input).state
    stateBytes = Math.max(stateBytes, JSON.stringify(state).length)
  }
  const rounds = 30
  const first = JSON.stringify(start(policyFrom(), history))
  const states = Array.from({ length: rounds }, () => JSON.parse(first) as JudgeState)
  const before = process.cpuUsage()
  for (let own of states) for (const input of inputs) own = step(own, input).state
  const used = process.cpuUsage(before)
  return { microseconds: (used.user + used.system) / (rounds * inputs.length), stateBytes }
}

/** One sample per instance and second, with its histogram, as the edges give them. */
function at(fleet: FleetInput | undefined, second: number): FleetInput {
  const { samples = [], instances = [] } = fleet ?? {}
  const latencies = new Map(samples.flatMap(({ instance, latency }) => (latency ? [[instance, latency]] : [])))
  const counts = samples.filter(({ latency }) => latency === undefined)
  return {
    samples: counts.map((sample) => {
      const latency = latencies.get(sample.instance)
      return { ...sample, from: second, ...(latency === undefined ? {} : { latency }) }
    }),
    instances,
  }
}
