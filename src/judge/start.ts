import { answersOf } from './answers.ts'
import { startBusinessTest } from './business-test.ts'
import { dispersion } from './dispersion.ts'
import { levelBets, startFastTest } from './fast-test.ts'
import { type Feed, punctual } from './feed.ts'
import type { History, JudgePolicy } from './judge.ts'
import { learnLatency } from './latency-baseline.ts'
import { startLatencyTest } from './latency-test.ts'
import { startLevelTest } from './level-test.ts'
import { learnOldRate } from './old-rate.ts'
import { thresholdsOf } from './policy.ts'
import { startProbeWatch } from './probe-watch.ts'
import { startRatioSequence } from './ratio-sequence.ts'
import { CELL_SECONDS, startRobustTest } from './robust-test.ts'
import { startRouteWatch } from './route-watch.ts'
import { startRoutingGuard } from './routing-guard.ts'
import { startSeconds } from './seconds.ts'
import { spread } from './spread.ts'
import type { JudgeState, Learned } from './state.ts'
import { startSuspects } from './suspects.ts'
import { startTimeline } from './timeline.ts'
import { startWebVitalsTest } from './web-vitals-test.ts'

/**
 * Begins a judgement: learns from the old release's past (failure rate, clumping, latencies, traffic). The history may be
 * empty (first deployment): then the published defaults hold.
 *
 * @example let state = start(policyFrom({ preset: 'balanced' }), { samples, instances })
 */
export function start(policy: JudgePolicy, history: History): JudgeState {
  return {
    version: 2,
    policy,
    learned: learn(policy, history),
    phase: 'open',
    startedAt: null,
    wall: 0,
    now: 0,
    feed: punctual,
    reportedUntil: history.samples.reduce((end, { from, seconds }) => Math.max(end, from + seconds), 0),
    told: [],
    countedFrom: 0,
    clock: 0,
    clockFrom: 0,
    heldBack: 0,
    weight: 0,
    watchWeight: 0,
    seconds: startSeconds(punctual),
    oldRecent: { requests: 0, bad: 0 },
    ...startTests(policy, 0, { phi: 1, requestsPerSecond: 0, feed: punctual }),
    exposure: { from: 0, requests: 0, bad: 0 },
    missed: 0,
    totals: { old: { requests: 0, bad: 0, distinct: 0 }, new: { requests: 0, bad: 0, distinct: 0 } },
    answersKnown: history.samples.some((sample) => answersOf(sample) > 0),
    served: Object.fromEntries(history.instances.map((id) => [id, 0])),
    suspects: startSuspects(0),
    doubt: null,
    incidentSince: null,
    marks: {
      protectedAfter: null,
      decidedAfter: null,
      retreats: 0,
      conclusive: true,
      cause: null,
      decidedBy: null,
      action: 'hold',
      because: null,
    },
    timeline: startTimeline(),
  }
}

/** Every test as it is before its first second. */
export function startTests(
  policy: JudgePolicy,
  second: number,
  { phi, requestsPerSecond, feed }: Pick<Learned, 'phi' | 'requestsPerSecond'> & { readonly feed: Feed },
) {
  const thresholds = thresholdsOf(policy)
  const third = (alpha: number) => Math.log(1 / alpha) / 3
  const limit = Math.min(policy.absoluteLimit, 0.95)
  return {
    fast: startFastTest(second),
    robust: startRobustTest({ from: second, phi, cap: third(thresholds.rollBack), requestsPerSecond, feed }),
    absolute: {
      alarm: startLevelTest(limit, second, null),
      alone: startLevelTest(limit, second, third(thresholds.rollBack)),
    },
    latency: policy.metrics.latency ? startLatencyTest(second, third(thresholds.latency), feed) : null,
    business: startBusinessTest(second, third(thresholds.business), 1 - (policy.metrics.businessTolerance ?? 0)),
    webVitals: startWebVitalsTest(second, third(thresholds.webVitals)),
    routes: startRouteWatch(),
    routing: startRoutingGuard(),
    probes: startProbeWatch(),
    ratio: startRatioSequence(),
  }
}

/** Long enough for steady traffic, short enough for the traffic of now. */
const RATE_SECONDS = 60

function learn(policy: JudgePolicy, history: History): Learned {
  let requests = 0
  let bad = 0
  let first = Number.POSITIVE_INFINITY
  let last = Number.NEGATIVE_INFINITY
  const columns = new Map(history.instances.map((id, column) => [id, column]))
  const listed = columns.size > 0
  for (const sample of history.samples) {
    requests += sample.requests
    bad += sample.distinctBad ?? sample.bad
    if (sample.from < first) first = sample.from
    if (sample.from + sample.seconds > last) last = sample.from + sample.seconds
    if (!listed && sample.instance !== undefined && !columns.has(sample.instance)) {
      columns.set(sample.instance, columns.size)
    }
  }
  const old = learnOldRate(bad, requests)
  return {
    old,
    bets: levelBets(old, policy.metrics.errorTolerance),
    phi: columns.size < 2 ? 1 : dispersion(tensByInstance(history, columns, first)),
    instances: columns.size,
    requestsPerSecond: recentRate(history, last, Math.min(last - first, RATE_SECONDS)),
    latency: policy.metrics.latency ? learnLatency(history) : null,
  }
}

/** Traffic as it is now: a quiet half hour before says nothing about how much a weight puts at stake. */
function recentRate(history: History, last: number, seconds: number): number {
  if (seconds <= 0) return 0
  const since = last - seconds
  const requests = history.samples.reduce(
    (sum, sample) =>
      sum + sample.requests * Math.min(1, Math.max(0, sample.from + sample.seconds - since) / sample.seconds),
    0,
  )
  return requests / seconds
}

function tensByInstance(history: History, columns: ReadonlyMap<string, number>, first: number): number[][] {
  const rows: number[][] = []
  const width = columns.size
  for (const sample of history.samples) {
    const column = sample.instance === undefined ? undefined : columns.get(sample.instance)
    const bad = sample.distinctBad ?? sample.bad
    spread(sample.from, sample.seconds, { origin: first, width: CELL_SECONDS }, (row, share) => {
      while (rows.length <= row) rows.push(Array.from({ length: width }, () => 0))
      const counts = rows[row]
      if (column !== undefined && counts !== undefined) counts[column] = (counts[column] ?? 0) + bad * share
    })
  }
  return rows
}
