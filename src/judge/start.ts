import { answersOf } from './answers.ts'
import { startBusinessTest } from './business-test.ts'
import { dispersion } from './dispersion.ts'
import { levelBets, startFastTest } from './fast-test.ts'
import type { History, JudgePolicy } from './judge.ts'
import { learnLatency } from './latency-baseline.ts'
import { startLatencyTest } from './latency-test.ts'
import { startLevelTest } from './level-test.ts'
import { learnOldRate } from './old-rate.ts'
import { thresholdsOf } from './policy.ts'
import { startProbeWatch } from './probe-watch.ts'
import { startRatioSequence } from './ratio-sequence.ts'
import { startRobustTest } from './robust-test.ts'
import { startRouteWatch } from './route-watch.ts'
import { startRoutingGuard } from './routing-guard.ts'
import { startSeconds } from './seconds.ts'
import type { JudgeState, Learned } from './state.ts'
import { startSuspects } from './suspects.ts'
import { startTimeline } from './timeline.ts'
import { startWebVitalsTest } from './web-vitals-test.ts'

const CELL_SECONDS = 10

/**
 * Begins a judgement: learns from the old release's past (failure rate, clumping, latencies, traffic). The history may be
 * empty (first deployment): then the published defaults hold.
 *
 * @example let state = start(policyFrom({ preset: 'balanced' }), { samples, instances })
 */
export function start(policy: JudgePolicy, history: History): JudgeState {
  return {
    version: 1,
    policy,
    learned: learn(policy, history),
    phase: 'open',
    startedAt: null,
    now: 0,
    clock: 0,
    weight: 0,
    watchWeight: 0,
    seconds: startSeconds(),
    oldRecent: { requests: 0, bad: 0 },
    ...startTests(policy, 0, 1, CELL_SECONDS),
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
export function startTests(policy: JudgePolicy, second: number, phi: number, cellSeconds: number) {
  const thresholds = thresholdsOf(policy)
  const third = (alpha: number) => Math.log(1 / alpha) / 3
  const limit = Math.min(policy.absoluteLimit, 0.95)
  return {
    fast: startFastTest(second),
    robust: startRobustTest({ from: second, phi, cap: third(thresholds.rollBack), cellSeconds }),
    absolute: {
      alarm: startLevelTest(limit, second, null),
      alone: startLevelTest(limit, second, third(thresholds.rollBack)),
    },
    latency: policy.metrics.latency ? startLatencyTest(second, third(thresholds.latency)) : null,
    business: startBusinessTest(second, third(thresholds.business), 1 - (policy.metrics.businessTolerance ?? 0)),
    webVitals: startWebVitalsTest(second, third(thresholds.webVitals)),
    routes: startRouteWatch(),
    routing: startRoutingGuard(),
    probes: startProbeWatch(),
    ratio: startRatioSequence(),
  }
}

/** Cells long enough for about four requests, so that scarce traffic is not skipped: 10 s above 0.4 requests/s. */
export function cellSecondsFor(requestsPerSecond: number): number {
  if (requestsPerSecond <= 0) return CELL_SECONDS
  return CELL_SECONDS * Math.min(12, Math.max(1, Math.ceil(0.4 / requestsPerSecond)))
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
  const requests = history.samples.reduce((sum, { from, requests }) => sum + (from >= last - seconds ? requests : 0), 0)
  return requests / seconds
}

function tensByInstance(history: History, columns: ReadonlyMap<string, number>, first: number): number[][] {
  const rows: number[][] = []
  const width = columns.size
  for (const sample of history.samples) {
    const row = Math.floor((sample.from - first) / CELL_SECONDS)
    while (rows.length <= row) rows.push(Array.from({ length: width }, () => 0))
    const bad = sample.distinctBad ?? sample.bad
    if (bad === 0 || sample.instance === undefined) continue
    const column = columns.get(sample.instance)
    const counts = rows[row]
    if (column !== undefined && counts !== undefined) counts[column] = (counts[column] ?? 0) + bad
  }
  return rows
}
