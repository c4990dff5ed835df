import { type JudgePolicy, type PolicyOverrides, policyFrom } from '../../src/judge/index.ts'

/** One simulated world and the policy that judges in it. */
export interface Scenario {
  readonly id: string
  /** Horizon of a run. */
  readonly seconds: number
  readonly requestsPerSecond: number
  /** Instances in all; at weight w the new release has round(instances·w) of them, each release at least 1. */
  readonly instances: number
  /** From a decision to its effect. */
  readonly reactionSeconds: number
  /** What the judge is told of it; absent: the truth. */
  readonly toldReactionSeconds?: number
  /** Both releases keep all `instances` at any weight, as on one machine. */
  readonly fullFleets?: boolean
  /** Time that the old release served alone before; absent: 1,800. */
  readonly historySeconds?: number
  readonly old: { readonly errorRate: number }
  /** `oneInstance`: only the first instance is bad, until it is replaced. */
  readonly new: { readonly errorRate?: number; readonly fromSecond?: number; readonly oneInstance?: boolean }
  readonly noise: readonly Noise[]
  readonly latency?: LatencyChange
  readonly conversions?: { readonly rate: number; readonly drop: number }
  /** `default` = ramp, `fixed` = 5/25/50/100 % for 300 s each, `event-level` = the fast test at 1 % alone, or overrides. */
  readonly policy: 'default' | 'fixed' | 'event-level' | PolicyOverrides
}

export type Noise =
  | { readonly type: 'common-drift'; readonly factor: number }
  | { readonly type: 'common-outage'; readonly rate: number; readonly seconds: number; readonly everySeconds: number }
  | { readonly type: 'retry-clusters'; readonly mean: number }
  | { readonly type: 'instance-bursts'; readonly rate: number; readonly seconds: number; readonly everySeconds: number }
  | { readonly type: 'instance-log-ar'; readonly sd: number; readonly tauSeconds: number }
  | { readonly type: 'instance-heterogeneity'; readonly sd: number }
  /** Lognormal factor on each instance's latencies; needs `latency`. */
  | { readonly type: 'instance-latency'; readonly sd: number }

/** Change of the new release against the lognormal base (median 100 ms, σ 0.6, 2 % six times slower); {} = none. */
export interface LatencyChange {
  readonly factor?: number
  readonly slowShare?: number
  readonly slowSeconds?: number
}

const noiseKeys: Readonly<Record<Noise['type'], readonly string[]>> = {
  'common-drift': ['factor'],
  'common-outage': ['rate', 'seconds', 'everySeconds'],
  'retry-clusters': ['mean'],
  'instance-bursts': ['rate', 'seconds', 'everySeconds'],
  'instance-log-ar': ['sd', 'tauSeconds'],
  'instance-heterogeneity': ['sd'],
  'instance-latency': ['sd'],
}

/** Checks a scenario as read from a file; throws one error that lists every problem. */
export function parseScenario(value: unknown): Scenario {
  const problems: string[] = []
  const source = isRecord(value) ? value : {}
  if (!isRecord(value)) problems.push('a scenario is an object')
  const number = (record: Record<string, unknown>, key: string, path: string, fallback?: number) => {
    const seen = record[key]
    if (seen === undefined && fallback !== undefined) return fallback
    if (typeof seen !== 'number' || !Number.isFinite(seen) || seen < 0) {
      problems.push(`${path}${key}: expected a number of at least 0, saw ${JSON.stringify(seen)}`)
      return 0
    }
    return seen
  }
  const old = isRecord(source.old) ? source.old : {}
  const fresh = isRecord(source.new) ? source.new : {}
  const noise = Array.isArray(source.noise) ? source.noise : []
  for (const [i, entry] of noise.entries()) {
    const type = isRecord(entry) ? entry.type : undefined
    const keys = typeof type === 'string' && type in noiseKeys ? noiseKeys[type as Noise['type']] : undefined
    if (keys === undefined || !isRecord(entry)) {
      problems.push(
        `noise[${i}].type: expected one of ${Object.keys(noiseKeys).join(', ')}, saw ${JSON.stringify(type)}`,
      )
      continue
    }
    for (const key of keys) number(entry, key, `noise[${i}].`)
  }
  const { policy = 'default' } = source
  if (policy !== 'default' && policy !== 'fixed' && policy !== 'event-level' && !isRecord(policy)) {
    problems.push(`policy: expected default, fixed, event-level or overrides, saw ${JSON.stringify(policy)}`)
  }
  const scenario: Scenario = {
    id: typeof source.id === 'string' ? source.id : 'unnamed',
    seconds: number(source, 'seconds', '', 1200),
    requestsPerSecond: number(source, 'requestsPerSecond', ''),
    instances: Math.max(1, Math.round(number(source, 'instances', '', 20))),
    reactionSeconds: Math.round(number(source, 'reactionSeconds', '', 5)),
    old: { errorRate: number(old, 'errorRate', 'old.') },
    new: {
      ...(fresh.errorRate === undefined ? {} : { errorRate: number(fresh, 'errorRate', 'new.') }),
      fromSecond: number(fresh, 'fromSecond', 'new.', 0),
    },
    noise: noise as Noise[],
    ...(isRecord(source.latency) ? { latency: source.latency as LatencyChange } : {}),
    ...(isRecord(source.conversions)
      ? {
          conversions: {
            rate: number(source.conversions, 'rate', 'conversions.'),
            drop: number(source.conversions, 'drop', 'conversions.', 0),
          },
        }
      : {}),
    policy: policy as Scenario['policy'],
  }
  if (problems.length > 0) throw new Error(`this scenario cannot be run:\n  ${problems.join('\n  ')}`)
  return scenario
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The weights of every fixed-step policy here: 5, 25 and 50 % for five minutes each, then all. */
export const fixedSteps = { steps: [5, 25, 50], stepSeconds: 300 } as const

export function policyOf(scenario: Scenario): JudgePolicy {
  switch (scenario.policy) {
    case 'default':
      return policyFrom()
    case 'fixed':
      return policyFrom(fixedSteps)
    case 'event-level':
      return policyFrom({ ...fixedSteps, rule: 'event-level' })
    default:
      return policyFrom(scenario.policy)
  }
}
