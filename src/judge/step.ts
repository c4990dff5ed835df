import type { Reason } from '../model/verdict.ts'
import { businessEvidence } from './business-test.ts'
import { fastEvidence } from './fast-test.ts'
import { feedOf, lateSeconds } from './feed.ts'
import { type Growth, growth, isHeldBack, nextWeight } from './growth.ts'
import { ingest } from './ingest.ts'
import type { Decision, JudgeInput } from './judge.ts'
import { latencyEvidence } from './latency-test.ts'
import { levelEvidence } from './level-test.ts'
import { exceeds } from './old-rate.ts'
import { thresholdsOf } from './policy.ts'
import { probeEvidence } from './probe-watch.ts'
import { routable } from './ramp.ts'
import { elapsed } from './rates.ts'
import {
  alarmReason,
  confirmReason,
  finalReason,
  incidentReason,
  promotedText,
  rampReason,
  suspectReason,
  suspicion,
  undecidedReason,
} from './reasons.ts'
import { closeCells, forgetInstance, robustEvidence } from './robust-test.ts'
import { ROUTE_BUDGET, routeEvidence } from './route-watch.ts'
import { ROUTING_THRESHOLD, routingEvidence } from './routing-guard.ts'
import {
  beginSecondLook,
  canRetreat,
  clearDoubt,
  confirmEvidence,
  mayLookAgain,
  needsSecondLook,
  raiseDoubt,
  relearn,
  restartAlarms,
  secondLook,
  secondLookWeight,
} from './second-look.ts'
import { startSeconds } from './seconds.ts'
import { serving } from './served.ts'
import { startTests } from './start.ts'
import type { Cause, Doubt, JudgeState } from './state.ts'
import { eject, ejectable, pendingEjections, startSuspects } from './suspects.ts'
import { addPoint, isDue, UNKNOWN } from './timeline.ts'
import { noteWeight } from './told-weights.ts'
import { upToDate } from './upgrade.ts'
import { newestEnd, watermark } from './watermark.ts'
import { webVitalsEvidence } from './web-vitals-test.ts'
import { failures, risk } from './words.ts'

/**
 * Takes in what became known in one second and decides. The state that is given is consumed: use the returned one
 * (it may be the same object, changed); a JSON copy taken before stays as it was.
 */
export function step(given: JudgeState, input: JudgeInput): { state: JudgeState; decision: Decision } {
  const state = upToDate(given)
  const passed = begin(state, input)
  ingest(state, input)
  const decision = decide(state, input, passed)
  state.weight = decision.weight
  state.marks.action = decision.action
  record(state, decision)
  return { state, decision }
}

/** Seconds of arrival that became known with this step. */
interface Passed {
  readonly seconds: number
  /** Those that count as observation. */
  readonly observed: number
}

/** Weights are remembered for so long after the oldest request of which news are still to be expected. */
const TOLD_SECONDS = 128

/** Moves the clocks. */
function begin(state: JudgeState, input: JudgeInput): Passed {
  const isFirst = state.startedAt === null
  if (isFirst) beginFirst(state, input)
  state.wall = input.second
  state.reportedUntil = newestEnd(input, state.reportedUntil)
  const late = lateSeconds(state.feed)
  noteWeight(state.told, Math.floor(input.second), input.weight, TOLD_SECONDS + late)
  const before = state.now
  state.now = watermark(state, input.second)
  if (isFirst && late === 0) return { seconds: 1, observed: 1 }
  const since = (first: number) => Math.max(0, state.now - Math.max(before, first - 1))
  return { seconds: since(state.startedAt ?? 0), observed: since(state.clockFrom) }
}

function beginFirst(state: JudgeState, input: JudgeInput): void {
  const { policy, learned } = state
  const second = Math.floor(input.second)
  state.startedAt = second
  state.clockFrom = second
  state.countedFrom = second
  state.feed = feedOf(input.capabilities)
  state.seconds = startSeconds(state.feed)
  state.suspects = startSuspects(0, lateSeconds(state.feed))
  Object.assign(state, startTests(policy, second, { ...learned, feed: state.feed }))
  if (policy.probes !== undefined && policy.mode === 'ramp') state.phase = 'probing'
  state.watchWeight = input.weight
  if (policy.mode === 'watch') state.weight = input.weight
}

function decide(state: JudgeState, input: JudgeInput, passed: Passed): Decision {
  const { doubt } = state
  if (state.phase === 'rolled-back') return rolledBack(state)
  const verdict = beyondDoubt(state, input)
  if (verdict !== null) return rollBack(state, verdict.cause, verdict.reason, true)
  if (doubt !== null) {
    if (lateSeconds(state.feed) > 0) state.heldBack += passed.seconds
    return state.phase === 'withdrawn' ? withdrawn(state, input, doubt) : confirming(state, input, doubt)
  }
  const alarm = findAlarm(state, input)
  if (alarm !== null) return retreat(state, input, alarm)
  if (state.phase === 'probing' && !probedClean(state)) return probing(state)
  if (state.phase === 'probing') state.phase = 'open'
  return open(state, input, passed)
}

interface Alarm {
  readonly cause: Cause
  readonly evidence: number
  readonly route?: string
}

/** Evidence that needs no second look: robust against bad nodes and clumps, or of another kind than single failures. */
function beyondDoubt(state: JudgeState, input: JudgeInput): { cause: Cause; reason: Reason } | null {
  const { policy } = state
  const alpha = thresholdsOf(policy)
  if (policy.rule === 'event-level') {
    const log = fastEvidence(state.fast)
    if (log < Math.log(100)) return null
    return { cause: 'errors', reason: finalReason(state, 'fast', `${failures(state)}${risk(state)}`, log, 0.01) }
  }
  const robust = robustEvidence(state.robust)
  if (policy.metrics.errors && robust >= Math.log(1 / alpha.rollBack) && !needsSecondLook(state, input)) {
    return {
      cause: 'errors',
      reason: finalReason(state, 'robust', `${failures(state)}${risk(state)}`, robust, alpha.rollBack),
    }
  }
  const probes = probeEvidence(state.probes).decision
  if (probes >= Math.log(1 / alpha.rollBack)) return plain(state, 'probes', probes, alpha.rollBack)
  // Nobody to compare with, or no second look to compare in.
  if (!canRetreat(input)) {
    const alone = levelEvidence(state.absolute.alone)
    if (alone >= Math.log(1 / alpha.rollBack)) return plain(state, 'absolute', alone, alpha.rollBack)
  }
  if (state.latency !== null && !needsSecondLook(state, input)) {
    const log = latencyEvidence(state.latency)
    if (log >= Math.log(1 / alpha.latency)) return plain(state, 'latency', log, alpha.latency)
  }
  if (policy.metrics.business) {
    const log = businessEvidence(state.business)
    if (log >= Math.log(1 / alpha.business)) return plain(state, 'business', log, alpha.business)
  }
  if (policy.metrics.webVitals) {
    const log = webVitalsEvidence(state.webVitals)
    if (log >= Math.log(1 / alpha.webVitals)) return plain(state, 'web-vitals', log, alpha.webVitals)
  }
  return null
}

function plain(state: JudgeState, cause: Cause, log: number, alpha: number): { cause: Cause; reason: Reason } {
  return { cause, reason: finalReason(state, cause, suspicion(state, cause), log, alpha) }
}

/** Evidence that withdraws traffic. */
function findAlarm(state: JudgeState, input: JudgeInput): Alarm | null {
  const { policy } = state
  if (policy.rule === 'event-level' || !canRetreat(input)) return null
  const alpha = thresholdsOf(policy)
  const alarmAt = Math.log(1 / alpha.retreat)
  if (policy.metrics.errors) {
    const fast = fastEvidence(state.fast)
    if (fast >= alarmAt) return { cause: 'errors', evidence: fast }
    const absolute = levelEvidence(state.absolute.alarm)
    if (absolute >= alarmAt) return { cause: 'absolute', evidence: absolute }
    const { evidence, route } = routeEvidence(state.routes)
    if (route !== null && evidence >= alarmAt - Math.log(ROUTE_BUDGET)) return { cause: 'route', evidence, route }
    const robust = robustEvidence(state.robust)
    if (robust >= Math.log(1 / alpha.rollBack)) return { cause: 'errors', evidence: robust }
  }
  const probes = probeEvidence(state.probes).alarm
  if (probes >= alarmAt) return { cause: 'probes', evidence: probes }
  if (state.latency !== null) {
    const log = latencyEvidence(state.latency)
    if (log >= Math.log(1 / alpha.latency)) return { cause: 'latency', evidence: log }
  }
  const routing = routingEvidence(state.routing)
  if (!state.routing.mismatch && routing >= Math.log(ROUTING_THRESHOLD)) return { cause: 'routing', evidence: routing }
  return null
}

function retreat(state: JudgeState, input: JudgeInput, alarm: Alarm): Decision {
  if (alarm.cause === 'routing') return misrouted(state, input, alarm)
  const suspect = ejectable(state.suspects, serving(state, input.new.instances), Math.floor(state.now))
  if (suspect !== null && (alarm.cause === 'errors' || alarm.cause === 'absolute')) {
    return blameInstance(state, input, suspect)
  }
  raiseDoubt(state, input, alarm.cause, alarm.evidence, alarm.route)
  state.marks.retreats += 1
  state.marks.protectedAfter = elapsed(state)
  const { doubt } = state
  const reasons = doubt === null ? [] : [alarmReason(state, doubt)]
  return { action: 'retreat', weight: 0, replace: doubt?.replace ?? [], reasons }
}

/** One instance explains the alarm: it goes, its failures are forgotten, and the release stays. */
function blameInstance(state: JudgeState, input: JudgeInput, suspect: string): Decision {
  const now = Math.floor(state.now)
  const reason = suspectReason(state, suspect)
  state.exposure.bad = Math.max(0, state.exposure.bad - (state.suspects.bad[suspect] ?? 0))
  eject(state.suspects, suspect, now)
  forgetInstance(state.robust, suspect)
  closeCells(state.robust, now, serving(state, input.old.instances).length, true)
  restartAlarms(state)
  const replace = pendingEjections(state.suspects, input.new.instances, now)
  return { action: 'hold', weight: state.weight, replace, reasons: [reason] }
}

/** Routing is not what we think: nothing grows, shares as observed are used from now on, a person is asked. */
function misrouted(state: JudgeState, input: JudgeInput, alarm: Alarm): Decision {
  state.routing.mismatch = true
  const weight = state.weight
  raiseDoubt(state, input, 'routing', alarm.evidence)
  state.weight = weight
  state.phase = 'confirming'
  return state.doubt === null ? hold(weight, []) : undecided(state, input, state.doubt)
}

function withdrawn(state: JudgeState, input: JudgeInput, doubt: Doubt): Decision {
  if (!mayLookAgain(state, doubt, input)) {
    const replace = doubt.replace.filter((id) => input.new.instances.includes(id))
    return { action: 'retreat', weight: 0, replace, reasons: [alarmReason(state, doubt)] }
  }
  beginSecondLook(state, doubt, input)
  return confirming(state, input, doubt)
}

function confirming(state: JudgeState, input: JudgeInput, doubt: Doubt): Decision {
  if (doubt.cause === 'routing') return undecided(state, input, doubt)
  const alpha = thresholdsOf(state.policy)
  const finding = secondLook(state, doubt)
  if (finding === 'guilty') {
    const text = `${suspicion(state, doubt.cause, doubt.route)}; a second look on fresh evidence confirmed it`
    return rollBack(
      state,
      doubt.cause,
      finalReason(state, 'confirm', text, confirmEvidence(doubt), alpha.confirm),
      true,
    )
  }
  if (finding === 'cleared') {
    clearDoubt(state)
    state.marks.protectedAfter = null
    return open(state, input, none)
  }
  if (doubt.asked || finding === 'undecided') return undecided(state, input, doubt)
  const now = growth(state, input)
  const weight = confirmWeight(state, input, doubt, now)
  return { action: 'confirm', weight, replace: [], reasons: [confirmReason(state, doubt, now, weight)] }
}

function confirmWeight(state: JudgeState, input: JudgeInput, doubt: Doubt, now: Growth): number {
  if (doubt.cause === 'probes') return 0
  const wanted = secondLookWeight(state, doubt, now.requestsPerSecond)
  const ramps = state.policy.mode === 'ramp' && state.policy.steps === undefined
  const isBounded = ramps || lateSeconds(state.feed) > 0
  return routable(isBounded ? Math.min(wanted, now.target) : wanted, input.capabilities.lowestWeight)
}

/** The question goes to a person, or to what the policy says instead. */
function undecided(state: JudgeState, input: JudgeInput, doubt: Doubt): Decision {
  const reason = undecidedReason(state, doubt)
  if (state.policy.onInconclusive === 'roll-back') return rollBack(state, doubt.cause, reason, false)
  if (state.policy.onInconclusive === 'promote') {
    clearDoubt(state)
    state.marks.conclusive = false
    return open(state, input, none)
  }
  doubt.asked = true
  return { action: 'hold', weight: state.weight, replace: [], reasons: [reason], conclusive: false, ask: true }
}

function probedClean(state: JudgeState): boolean {
  const { probes } = state.policy
  if (probes === undefined) return true
  // Probes that never come must not block a deployment for ever.
  if (elapsed(state) > 120 && state.probes.new.probes === 0) return true
  return probes.routes.every((route) => (state.probes.clean[route] ?? 0) >= probes.rounds)
}

function probing(state: JudgeState): Decision {
  const { probes, failed } = state.probes.new
  return hold(0, [
    { test: 'probes', text: `probing the new release before any user: ${failed} of ${probes} probes failed` },
  ])
}

function hold(weight: number, reasons: readonly Reason[]): Decision {
  return { action: 'hold', weight, replace: [], reasons }
}

const none: Passed = { seconds: 0, observed: 0 }

/** Nothing is in doubt: grow, hold or promote. */
function open(state: JudgeState, input: JudgeInput, passed: Passed): Decision {
  if (state.phase === 'promoted') return promoted(state, growth(state, input))
  const held = commonIncident(state)
  if (state.policy.mode === 'watch' && state.weight >= state.watchWeight) followEngine(state, input)
  const now = growth(state, input)
  const next = nextWeight(state, input, now, held)
  state.clock += passed.observed
  if (isHeldBack(state, now)) state.heldBack += passed.seconds
  if (next.weight > state.weight) state.missed = 0
  // Each fixed step is watched for its whole time, and that begins when its weight is in force.
  if (state.policy.steps !== undefined && next.weight !== state.weight) state.clockFrom = Math.floor(state.wall) + 1
  if (next.promote) {
    state.phase = 'promoted'
    state.marks.conclusive &&= next.conclusive
    state.marks.decidedAfter = elapsed(state)
    state.marks.decidedBy = 'ramp'
    return promoted(state, now)
  }
  if (held) return hold(next.weight, [incidentReason(state)])
  const climbs = state.policy.mode === 'ramp' || next.weight < state.watchWeight
  const replace = pendingEjections(state.suspects, input.new.instances, Math.floor(state.now))
  const reasons = [rampReason(state, now, next.weight)]
  return { action: climbs ? 'ramp' : 'hold', weight: next.weight, replace, reasons }
}

function followEngine(state: JudgeState, input: JudgeInput): void {
  state.watchWeight = input.weight
  state.weight = input.weight
}

/** The old release is far above what it used to be: for two minutes nothing grows, then that is the new normal. */
function commonIncident(state: JudgeState): boolean {
  const { requests, bad } = state.oldRecent
  const isAbove = exceeds(bad, requests, Math.max(state.policy.absoluteLimit, state.learned.old.ceiling))
  if (!isAbove) {
    state.incidentSince = null
    return false
  }
  state.incidentSince ??= state.now
  if (state.now - state.incidentSince < 120) return true
  relearn(state)
  state.incidentSince = null
  return false
}

function promoted(state: JudgeState, now: Growth): Decision {
  const { conclusive } = state.marks
  const text = promotedText(state, now, conclusive)
  state.marks.because = text
  return { action: 'promote', weight: 1, replace: [], reasons: [finalReason(state, 'ramp', text)], conclusive }
}

function rollBack(state: JudgeState, cause: Cause, reason: Reason, conclusive: boolean): Decision {
  const { marks } = state
  state.phase = 'rolled-back'
  state.weight = 0
  marks.decidedAfter = elapsed(state)
  marks.protectedAfter ??= marks.decidedAfter
  marks.conclusive = conclusive
  marks.cause = cause
  marks.decidedBy = reason.test
  marks.because = reason.text
  return { action: 'roll-back', weight: 0, replace: [], reasons: [reason], conclusive }
}

function rolledBack(state: JudgeState): Decision {
  const reason = finalReason(state, state.marks.decidedBy ?? 'robust', state.marks.because ?? failures(state))
  return { action: 'roll-back', weight: 0, replace: [], reasons: [reason], conclusive: state.marks.conclusive }
}

function record(state: JudgeState, decision: Decision): void {
  const second = elapsed(state)
  if (!isDue(state.timeline, second, decision.action)) return
  const { doubt } = state
  addPoint(state.timeline, second, decision.weight, decision.action, [
    fastEvidence(state.fast),
    robustEvidence(state.robust),
    doubt?.since == null ? UNKNOWN : confirmEvidence(doubt),
    levelEvidence(state.absolute.alarm),
    state.learned.latency === null || state.latency === null ? UNKNOWN : latencyEvidence(state.latency),
    state.business.counts.old + state.business.counts.new === 0 ? UNKNOWN : businessEvidence(state.business),
    routingEvidence(state.routing),
  ])
}
