import type { Scenario } from './scenario.ts'

type Fields = Readonly<Record<string, unknown>>

interface Bounds {
  readonly least?: number
  readonly most?: number
  /** Used when the field is absent; none: the field is needed. */
  readonly fallback?: number
}

const rate: Bounds = { most: 1 }
const positive: Bounds = { least: 1 }

const noises: Readonly<Record<string, Readonly<Record<string, Bounds>>>> = {
  'common-drift': { factor: {} },
  'common-outage': { rate, seconds: positive, everySeconds: positive },
  'retry-clusters': { mean: positive },
  'instance-bursts': { rate, seconds: positive, everySeconds: positive },
  'instance-log-ar': { sd: {}, tauSeconds: positive },
  'instance-heterogeneity': { sd: {} },
  'instance-latency': { sd: {} },
}
const policies = ['default', 'fixed', 'event-level']
const presets = ['careful', 'balanced', 'fast']
const policyKeys = words(
  'preset steps stepSeconds observeSeconds maxWaitSeconds riskBudget absoluteLimit mode onInconclusive metrics thresholds probes rule',
)
const scenarioKeys = words(
  'id seconds requestsPerSecond instances reactionSeconds toldReactionSeconds sampleSeconds sampleLagSeconds perInstance untilPromoted fullFleets historySeconds old new noise latency conversions policy',
)

/** Checks a scenario as read from a file; throws one error that lists every problem. */
export function parseScenario(value: unknown): Scenario {
  const reader = new Reader()
  const top = reader.fields(value, 'the scenario', scenarioKeys)
  const { id = 'unnamed', new: newer = {}, noise = [], policy = 'default' } = top
  if (typeof id !== 'string') reader.expect('id', 'a text', id)
  const old = reader.fields(top['old'] ?? {}, 'old', ['errorRate'])
  const fresh = reader.fields(newer, 'new', ['errorRate', 'fromSecond', 'oneInstance'])
  const scenario = {
    id: String(id),
    seconds: Math.round(reader.number(top, 'seconds', { ...positive, fallback: 1200 })),
    requestsPerSecond: reader.number(top, 'requestsPerSecond'),
    instances: Math.round(reader.number(top, 'instances', { ...positive, fallback: 20 })),
    reactionSeconds: Math.round(reader.number(top, 'reactionSeconds', { fallback: 5 })),
    ...reader.optional(top, 'toldReactionSeconds'),
    ...reader.whole(top, 'sampleSeconds', positive),
    ...reader.whole(top, 'sampleLagSeconds'),
    ...reader.flag(top, 'perInstance'),
    ...reader.flag(top, 'untilPromoted'),
    ...reader.optional(top, 'historySeconds'),
    ...reader.flag(top, 'fullFleets'),
    old: { errorRate: reader.number(old, 'old.errorRate', rate) },
    new: {
      ...reader.optional(fresh, 'new.errorRate', rate),
      fromSecond: reader.number(fresh, 'new.fromSecond', { fallback: 0 }),
      ...reader.flag(fresh, 'new.oneInstance'),
    },
    noise: readNoise(reader, noise),
    ...readLatency(reader, top['latency']),
    ...readConversions(reader, top['conversions']),
    policy: readPolicy(reader, policy),
  }
  if (reader.problems.length > 0) {
    throw new Error(`this scenario cannot be run:\n  ${reader.problems.join('\n  ')}`)
  }
  return scenario as Scenario
}

function readNoise(reader: Reader, noise: unknown): unknown {
  if (!Array.isArray(noise)) return reader.expect('noise', 'a list', noise)
  for (const [i, entry] of noise.entries()) {
    const type: unknown = isFields(entry) ? entry['type'] : undefined
    const keys = typeof type === 'string' ? noises[type] : undefined
    if (keys === undefined || !isFields(entry)) {
      reader.expect(`noise[${i}].type`, `one of ${Object.keys(noises).join(', ')}`, type)
      continue
    }
    reader.fields(entry, `noise[${i}]`, ['type', ...Object.keys(keys)])
    for (const [key, bounds] of Object.entries(keys)) reader.number(entry, `noise[${i}].${key}`, bounds)
  }
  return noise
}

function readLatency(reader: Reader, value: unknown): object {
  if (value === undefined) return {}
  const latency = reader.fields(value, 'latency', ['factor', 'slowShare', 'slowSeconds'])
  return {
    latency: {
      ...reader.optional(latency, 'latency.factor', { least: 0.01 }),
      ...reader.optional(latency, 'latency.slowShare', rate),
      ...reader.optional(latency, 'latency.slowSeconds'),
    },
  }
}

function readConversions(reader: Reader, value: unknown): object {
  if (value === undefined) return {}
  const conversions = reader.fields(value, 'conversions', ['rate', 'drop'])
  return {
    conversions: {
      rate: reader.number(conversions, 'conversions.rate', rate),
      drop: reader.number(conversions, 'conversions.drop', { ...rate, fallback: 0 }),
    },
  }
}

function readPolicy(reader: Reader, value: unknown): unknown {
  if (typeof value === 'string' && policies.includes(value)) return value
  if (!isFields(value)) return reader.expect('policy', `${policies.join(', ')} or overrides`, value)
  const { preset = 'balanced' } = reader.fields(value, 'policy', policyKeys)
  if (!presets.includes(String(preset))) reader.expect('policy.preset', `one of ${presets.join(', ')}`, preset)
  return value
}

/** Takes values out of what was read and collects what is wrong with them. */
class Reader {
  readonly problems: string[] = []

  expect(path: string, wanted: string, seen: unknown): undefined {
    this.problems.push(`${path}: expected ${wanted}, saw ${JSON.stringify(seen)}`)
  }

  fields(value: unknown, path: string, known: readonly string[]): Fields {
    if (!isFields(value)) {
      this.expect(path, 'an object', value)
      return {}
    }
    for (const key of Object.keys(value)) {
      if (!known.includes(key)) this.problems.push(`${path}: there is no ${key}; known are ${known.join(', ')}`)
    }
    return value
  }

  /** The last part of the path is the key. */
  number(fields: Fields, path: string, { least = 0, most, fallback }: Bounds = {}): number {
    const seen = fields[keyOf(path)] ?? fallback
    const isRight =
      typeof seen === 'number' && Number.isFinite(seen) && seen >= least && seen <= (most ?? Number.POSITIVE_INFINITY)
    if (isRight) return seen
    const range = most === undefined ? `of at least ${least}` : `from ${least} to ${most}`
    this.expect(path, `a number ${range}`, seen)
    return 0
  }

  optional(fields: Fields, path: string, bounds?: Bounds): Fields {
    const key = keyOf(path)
    return fields[key] === undefined ? {} : { [key]: this.number(fields, path, bounds) }
  }

  whole(fields: Fields, path: string, bounds?: Bounds): Fields {
    const key = keyOf(path)
    return fields[key] === undefined ? {} : { [key]: Math.round(this.number(fields, path, bounds)) }
  }

  flag(fields: Fields, path: string): Fields {
    const key = keyOf(path)
    const seen = fields[key]
    if (seen === undefined) return {}
    if (typeof seen !== 'boolean') this.expect(path, 'true or false', seen)
    return { [key]: seen }
  }
}

function keyOf(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1)
}

function words(text: string): readonly string[] {
  return text.split(' ')
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
