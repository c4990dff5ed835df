import type { Sample } from '../../model/sample.ts'
import { listSampleMinutes, putSampleMinutes, type SampleMinute } from '../../store/sample-minutes.ts'
import type { SampleConsumer } from './consumer.ts'

const MINUTE_MS = 60_000

/**
 * What happened to requests, minute by minute, for longer than a router remembers: by environment, service and release.
 * A sample belongs to the minute in which its window begins; late ones are added to it.
 */
export const minuteRollUp: SampleConsumer = {
  name: 'minute-roll-up',
  from: 'samples',
  async take({ environment, samples }, transaction) {
    const news = rolledUp(samples)
    const times = news.map(({ minute }) => minute.getTime())
    const known = await listSampleMinutes(transaction, environment, {
      from: new Date(Math.min(...times)),
      to: new Date(Math.max(...times) + 1),
    })
    const byKey = new Map(known.map((minute) => [keyOf(minute), minute]))
    const sums = news.map((minute) => {
      const before = byKey.get(keyOf(minute))
      return before === undefined ? minute : sum(before, minute)
    })
    await putSampleMinutes(transaction, environment, sums)
  },
}

/** Samples added up by minute, service and release. */
function rolledUp(samples: readonly Sample[]): readonly SampleMinute[] {
  const minutes = new Map<string, SampleMinute>()
  for (const { from, service, release, requests, bad, statusClasses, latency = {} } of samples) {
    const minute = new Date(Math.floor((from * 1000) / MINUTE_MS) * MINUTE_MS)
    const one: SampleMinute = { minute, service, release, requests, bad, statusClasses, latency }
    const before = minutes.get(keyOf(one))
    minutes.set(keyOf(one), before === undefined ? one : sum(before, one))
  }
  return [...minutes.values()]
}

function keyOf({ minute, service, release }: SampleMinute): string {
  return `${minute.getTime()} ${service} ${release}`
}

function sum(one: SampleMinute, other: SampleMinute): SampleMinute {
  return {
    ...one,
    requests: one.requests + other.requests,
    bad: one.bad + other.bad,
    statusClasses: added(one.statusClasses, other.statusClasses),
    latency: added(one.latency, other.latency),
  }
}

function added<Counts extends object>(one: Counts, other: Counts): Counts {
  const counts = { ...one } as Record<string, number>
  for (const [name, count] of Object.entries(other) as [string, number][]) counts[name] = (counts[name] ?? 0) + count
  return counts as Counts
}
