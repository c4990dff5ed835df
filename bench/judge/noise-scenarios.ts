import type { Noise, Scenario } from './scenario.ts'

/** The nine kinds of healthy but noisy service of the false-rollback table. */
export const noiseScenarios: readonly {
  readonly name: string
  readonly errorRate: number
  readonly noise: readonly Noise[]
}[] = [
  { name: 'iid, 0.1 %', errorRate: 0.001, noise: [] },
  { name: 'iid, 0.5 %', errorRate: 0.005, noise: [] },
  { name: 'common drift ×10', errorRate: 0.001, noise: [{ type: 'common-drift', factor: 10 }] },
  {
    name: 'common outages 30 %, 10 s, every 5 min',
    errorRate: 0.001,
    noise: [{ type: 'common-outage', rate: 0.3, seconds: 10, everySeconds: 300 }],
  },
  {
    name: 'log-AR per instance, sd 0.6, 20 s',
    errorRate: 0.001,
    noise: [{ type: 'instance-log-ar', sd: 0.6, tauSeconds: 20 }],
  },
  { name: 'heterogeneous instances, sd 0.3', errorRate: 0.001, noise: [{ type: 'instance-heterogeneity', sd: 0.3 }] },
  { name: 'retry clusters, mean 4', errorRate: 0.001, noise: [{ type: 'retry-clusters', mean: 4 }] },
  {
    name: 'instance bursts 50 %, 5 s, every 200 min',
    errorRate: 0.001,
    noise: [{ type: 'instance-bursts', rate: 0.5, seconds: 5, everySeconds: 12_000 }],
  },
  {
    name: 'instance bursts 50 %, 5 s, every 40 min',
    errorRate: 0.001,
    noise: [{ type: 'instance-bursts', rate: 0.5, seconds: 5, everySeconds: 2400 }],
  },
]

/** A healthy release in one of those worlds. */
export function healthy(index: number, requestsPerSecond: number, policy: Scenario['policy'] = 'default'): Scenario {
  const world = noiseScenarios[index]
  if (world === undefined) throw new RangeError(`no noise scenario ${index}`)
  return {
    id: `${world.name} at ${requestsPerSecond}/s`,
    seconds: 1200,
    requestsPerSecond,
    instances: 20,
    reactionSeconds: policy === 'default' ? 5 : 0,
    old: { errorRate: world.errorRate },
    new: {},
    noise: world.noise,
    policy,
  }
}
