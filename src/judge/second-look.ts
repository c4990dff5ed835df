import { bestFastRatio, labelBet, levelBets, startFastTest } from './fast-test.ts'
import { lateSeconds } from './feed.ts'
import type { JudgeInput } from './judge.ts'
import { latencyEvidence, startLatencyTest } from './latency-test.ts'
import { bestLevelRate, levelEvidence, startLevelTest } from './level-test.ts'
import { clip, divergence } from './numbers.ts'
import { relearnOldRate } from './old-rate.ts'
import { thresholdsOf } from './policy.ts'
import { probeEvidence, restartProbeAlarm } from './probe-watch.ts'
import { rateNow, requestRate, routeRate } from './rates.ts'
import { robustEvidence, startRobustTest } from './robust-test.ts'
import { routeCounts, startRouteWatch } from './route-watch.ts'
import { recent } from './seconds.ts'
import { serving } from './served.ts'
import { startTests } from './start.ts'
import type { Cause, Doubt, JudgeState } from './state.ts'
import { clearSuspects, suspectInstances } from './suspects.ts'

/**
 * The second look. An alarm withdraws all traffic for 10 s, in which suspect instances are replaced; then as little traffic as
 * a decision needs goes to the new release, and *fresh* evidence decides: it is guilty (20 : 1 for "worse", from at least two
 * cells), or cleared (20 : 1 for "as good as the old release"), or after 300 s undecided, and a person is asked.
 */
const WITHDRAWN_SECONDS = 10
/** A replacement that does not come up is not waited for longer than this. */
const REPLACE_SECONDS = 60
const SHORTEST_LOOK_SECONDS = 20
const DOUBLE_AFTER_SECONDS = 60
const UNDECIDED_AFTER_SECONDS = 300
/**
 * The ramp bounds the look and doubles once per reaction time, so late news make it slower. It is undecided for want of evidence and
 * not of time: after 20 reactions when it had three times the requests that a decision should need, and after 60 in any case.
 */
const UNDECIDED_AFTER_REACTIONS = 20
const UNDECIDED_AFTER_REACTIONS_AT_LAST = 60
const ENOUGH_FOR_DECISIONS = 3
/** At least one request every five seconds. */
const TRICKLE_PER_SECOND = 0.2
const LOG_20 = Math.log(20)
/** Clean probes in a row of every route, before an alarm by probes is cleared. */
const CLEAN_ROUNDS = 6
/**
 * Who was seen failing a fifth of the requests or more is not asked about 1.5 times the usual rate: the second look then bets on
 * ratios of at least a tenth of the suspected one. Two agreeing cells are enough after an outage, three after anything milder.
 */
const OUTAGE = 0.2
/** A fleet of one has the second look alone to roll back, on an instance that was just replaced: it is believed sooner. */
const OUTAGE_OF_ONE = 0.02
const LEAST_PART = 10
/** Two capped cells give exactly the evidence needed; rounding must not ask for a third. */
const ROUNDING = 1e-9

export function raiseDoubt(state: JudgeState, input: JudgeInput, cause: Cause, evidence: number, route?: string): void {
  state.doubt = {
    cause,
    ...(route === undefined ? {} : { route }),
    alarmAt: state.wall,
    since: null,
    evidence,
    suspectedRate: suspectedRate(state, cause, route),
    weightBefore: Math.max(state.weight, input.weight),
    replace:
      cause === 'routing' || cause === 'probes'
        ? []
        : suspectInstances(state.suspects, serving(state, input.new.instances)),
    robust: null,
    level: null,
    latency: null,
    countsErrors: state.policy.metrics.errors,
    cleared: 0,
    shared: 0,
    requests: 0,
    bad: 0,
    counted: { requests: 0, bad: 0 },
    asked: false,
  }
  state.phase = 'withdrawn'
  state.weight = 0
}

/** One old instance, or counts that are not per instance: no way to tell a bad node from a bad release without a fresh one. */
export function needsSecondLook(state: JudgeState, input: JudgeInput): boolean {
  if (!canRetreat(input)) return false
  return (
    state.learned.instances === 1 || serving(state, input.old.instances).length < 2 || !input.capabilities.perInstance
  )
}

export function canRetreat(input: JudgeInput): boolean {
  return input.capabilities.canLower !== false && input.old.instances.length > 0
}

/** q̂, the failure rate that the strongest gambler believes in, within [1.5·p̂, 0.97]. */
function suspectedRate(state: JudgeState, cause: Cause, route?: string): number {
  const { rate } = state.learned.old
  if (cause === 'absolute') return clip(bestLevelRate(state.absolute.alarm), 1.5 * rate, 0.97)
  if (route !== undefined) {
    const [requestsNew = 0, badNew = 0, requestsOld = 0, badOld = 0] = routeCounts(state.routes, route)
    return clip((badNew + 0.5) / (requestsNew + 1), 1.5 * routeRate(requestsOld, badOld), 0.97)
  }
  return clip(bestFastRatio(state.fast) * rate, 1.5 * rate, 0.97)
}

/**
 * True when the withdrawal has lasted long enough and the suspects are gone. Late news of what was already served may decide
 * by themselves, and risk nobody.
 */
export function mayLookAgain(state: JudgeState, doubt: Doubt, input: JudgeInput): boolean {
  const waited = state.wall - doubt.alarmAt
  if (waited < WITHDRAWN_SECONDS) return false
  const isAllKnown = state.now >= doubt.alarmAt + input.capabilities.reactionSeconds
  if (lateSeconds(state.feed) > 0 && !isAllKnown) return false
  const pending = doubt.replace.some((id) => input.new.instances.includes(id)) || input.new.instances.length === 0
  return !pending || waited >= REPLACE_SECONDS
}

export function beginSecondLook(state: JudgeState, doubt: Doubt, input: JudgeInput): void {
  const from = Math.floor(state.wall) + 1
  const { confirm } = thresholdsOf(state.policy)
  const half = Math.log(1 / confirm) / 2
  const isOutage = doubt.suspectedRate >= (needsSecondLook(state, input) ? OUTAGE_OF_ONE : OUTAGE)
  doubt.since = from
  doubt.robust = startRobustTest({
    from,
    phi: state.learned.phi,
    cap: isOutage ? half : Math.log(1 / confirm) / 3,
    leastRatio: isOutage ? doubt.suspectedRate / state.learned.old.rate / LEAST_PART : 0,
    requestsPerSecond: requestRate(state),
    feed: state.feed,
  })
  if (state.policy.metrics.errors && state.policy.absoluteLimit < 0.95)
    doubt.level = startLevelTest(state.policy.absoluteLimit, from, half)
  if (doubt.cause === 'latency') doubt.latency = startLatencyTest(from, half, state.feed)
  state.exposure = { from, requests: 0, bad: 0 }
  clearSuspects(state.suspects)
  state.phase = 'confirming'
}

/** Requests of the new release that a decision is expected to need: n_c. */
export function requestsForDecision(state: JudgeState, doubt: Doubt): number {
  const { confirm } = thresholdsOf(state.policy)
  const perRequest = divergence(doubt.suspectedRate, Math.min(state.learned.old.rate, doubt.suspectedRate / 1.2))
  return Math.max((1.5 * Math.log(1 / confirm)) / perRequest, 4 / doubt.suspectedRate)
}

/** Enough for a decision within a minute, doubled after every undecided one, a quarter of the traffic at most. */
export function secondLookWeight(state: JudgeState, doubt: Doubt, requestsPerSecond: number): number {
  const isLate = lateSeconds(state.feed) > 0
  // A look that has to wait for its figures need not also keep to the weight of an alarm at a thousandth: the risk bounds it.
  const before = isLate ? 1 : Math.max(doubt.weightBefore, 0.001)
  const most = Math.min(before, requestsPerSecond < 20 / 60 ? 0.5 : 0.25)
  if (requestsPerSecond <= 0) return most
  // What is asked for now is seen a minute and a feed's delay later; until then it is not asked for again.
  const minute = DOUBLE_AFTER_SECONDS + lateSeconds(state.feed)
  const minutes = Math.floor(lookedFor(state, doubt) / minute)
  const perSecond =
    Math.max(requestsForDecision(state, doubt) / minute, TRICKLE_PER_SECOND) * 2 ** Math.min(minutes, 10)
  return Math.min(most, perSecond / requestsPerSecond)
}

/** Seconds of the second look of which everything is known. */
export function lookedFor(state: JudgeState, doubt: Doubt): number {
  return doubt.since === null ? 0 : Math.max(0, state.now - doubt.since + 1)
}

/** What the fresh evidence says. */
export function secondLook(state: JudgeState, doubt: Doubt): 'guilty' | 'cleared' | 'undecided' | 'open' {
  const guilty = Math.log(1 / thresholdsOf(state.policy).confirm)
  if (confirmEvidence(doubt) >= guilty - ROUNDING) return 'guilty'
  takeIn(state, doubt)
  const seconds = lookedFor(state, doubt)
  if (seconds >= SHORTEST_LOOK_SECONDS && isCleared(state, doubt)) return 'cleared'
  if (!hasLookedEnough(state, doubt)) return 'open'
  const isInnocent = oldIsWorseThanBefore(state) || hasAmpleEvidence(state, doubt)
  return confirmEvidence(doubt) <= 0 && isInnocent ? 'cleared' : 'undecided'
}

function hasLookedEnough(state: JudgeState, doubt: Doubt): boolean {
  const beyond = lookedFor(state, doubt) - UNDECIDED_AFTER_SECONDS
  const late = lateSeconds(state.feed)
  const isAmple = hasAmpleEvidence(state, doubt)
  return beyond >= (isAmple ? UNDECIDED_AFTER_REACTIONS : UNDECIDED_AFTER_REACTIONS_AT_LAST) * late
}

/** A look that had to wait for its figures has time for three times the requests of a decision: then nothing against is enough. */
function hasAmpleEvidence(state: JudgeState, doubt: Doubt): boolean {
  if (lateSeconds(state.feed) === 0) return false
  const { good, suspected } = hypotheses(state, doubt)
  const needed = Math.max(requestsForDecision(state, doubt), LOG_20 / divergence(good, suspected))
  return doubt.requests >= ENOUGH_FOR_DECISIONS * needed
}

/** Nothing fresh speaks against the new release, and the old one fails more than it used to: a common incident. */
function oldIsWorseThanBefore(state: JudgeState): boolean {
  const { requestsOld, badOld } = recent(state.seconds, Math.floor(state.now), 120)
  return badOld >= 5 && badOld > 1.5 * state.learned.old.rate * requestsOld
}

/** ln of the strongest fresh evidence against the new release. */
export function confirmEvidence(doubt: Doubt): number {
  const errors = doubt.robust === null || !doubt.countsErrors ? 0 : robustEvidence(doubt.robust)
  const level = doubt.level === null ? 0 : levelEvidence(doubt.level)
  const latency = doubt.latency === null ? 0 : latencyEvidence(doubt.latency)
  return Math.max(errors, level, latency)
}

/** Σ[Y ln(p_b/q_x) + (N−Y) ln((1−p_b)/(1−q_x))]: is it as good as the old release, or half as bad as suspected? */
function takeIn(state: JudgeState, doubt: Doubt): void {
  const requests = doubt.requests - doubt.counted.requests
  const bad = doubt.bad - doubt.counted.bad
  if (requests === 0 && bad === 0) return
  const { good, suspected } = hypotheses(state, doubt)
  doubt.cleared += bad * Math.log(good / suspected) + (requests - bad) * Math.log((1 - good) / (1 - suspected))
  doubt.counted = { requests: doubt.requests, bad: doubt.bad }
}

/** p_b and q_x. */
function hypotheses(state: JudgeState, doubt: Doubt): { good: number; suspected: number } {
  const suspected = Math.max(doubt.suspectedRate / 2, 1.5 * state.learned.old.rate)
  return { good: Math.min(rateNow(state), suspected / 1.2), suspected }
}

function isCleared(state: JudgeState, doubt: Doubt): boolean {
  if (doubt.cause === 'probes') {
    const rounds = Object.values(state.probes.clean)
    return (
      rounds.length > 0 && rounds.every((clean) => clean >= CLEAN_ROUNDS) && probeEvidence(state.probes).decision <= 0
    )
  }
  if (doubt.latency !== null) return lookedFor(state, doubt) >= 60 && latencyEvidence(doubt.latency) <= 0
  return doubt.cleared >= LOG_20 || doubt.shared >= LOG_20
}

/**
 * When the old release fails more than it used to *right now*, the alarm may be a common incident that outlasts the look: then
 * the labels of its failures tell, r = 1 against r = ρ. Adds failures of one arrival second and weight.
 */
export function bookShared(state: JudgeState, second: number, badNew: number, badAll: number, weight: number): void {
  const { doubt } = state
  if (badAll === 0 || doubt === null || doubt.since === null || doubt.route !== undefined || second < doubt.since)
    return
  const now = rateNow(state)
  if (now <= 1.5 * state.learned.old.rate) return
  doubt.shared -= labelBet(badNew, badAll, weight, Math.max(doubt.suspectedRate / (2 * now), 2))
}

/** Back to normal: the alarm's evidence is spent, and the old release's present rate is learned. */
export function clearDoubt(state: JudgeState): void {
  relearn(state)
  restartAlarms(state)
  if (state.doubt?.cause === 'latency') {
    state.latency = startTests(state.policy, Math.floor(state.wall), { ...state.learned, feed: state.feed }).latency
  }
  if (state.doubt?.route !== undefined) state.routes = startRouteWatch()
  if (state.doubt?.cause === 'probes') restartProbeAlarm(state.probes)
  state.doubt = null
  clearSuspects(state.suspects)
  state.clockFrom = Math.floor(state.wall) + 1
  state.phase = 'open'
}

/** Spent evidence: the tests that withdraw traffic begin anew. */
export function restartAlarms(state: JudgeState): void {
  const now = Math.floor(state.now)
  state.fast = startFastTest(now)
  state.absolute.alarm = startLevelTest(state.absolute.alarm.limit, now, null)
}

/** p̂ and c from the old release's last 120 s; neither is ever lowered. */
export function relearn(state: JudgeState): void {
  const { requestsOld, badOld } = recent(state.seconds, Math.floor(state.now), 120)
  const old = relearnOldRate(state.learned.old, badOld, requestsOld)
  state.learned.old = old
  state.learned.bets = levelBets(old, state.policy.metrics.errorTolerance)
}
