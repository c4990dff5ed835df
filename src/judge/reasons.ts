import type { Reason } from '../model/verdict.ts'
import { lateSeconds } from './feed.ts'
import { GATE_MARGIN, type Growth } from './growth.ts'
import { slowestQuantile } from './latency-test.ts'
import { thresholdsOf } from './policy.ts'
import { worstProbe } from './probe-watch.ts'
import { requestsUntil } from './ramp.ts'
import { routeCounts } from './route-watch.ts'
import { confirmEvidence, lookedFor, requestsForDecision } from './second-look.ts'
import type { Cause, Doubt, JudgeState } from './state.ts'
import { factor } from './timeline.ts'
import { count, failures, percent, risk, riskRatio, seconds } from './words.ts'

/** Counts and the risk ratio, as every reason that acts carries them. */
function figures(state: JudgeState): Partial<Reason> {
  const { old, new: fresh } = state.totals
  const ratio = riskRatio(state)
  return {
    ...(ratio === null ? {} : { ratio }),
    failedNew: fresh.bad,
    failedOld: old.bad,
    requestsNew: fresh.requests,
    requestsOld: old.requests,
  }
}

/** Why the weight is what it is. Runs every second, so it is kept cheap. */
export function rampReason(state: JudgeState, now: Growth, weight: number): Reason {
  const { old, new: fresh } = state.totals
  const needed = now.gateOpen ? 0 : requestsUntil(now.rateNow + GATE_MARGIN, state.exposure)
  const perSecond = now.requestsPerSecond * weight
  const known = Number.isFinite(needed)
  const late = needed === 0 && state.clock >= state.policy.observeSeconds ? 0 : lateSeconds(state.feed)
  const observing = state.policy.mode === 'ramp' ? Math.max(0, Math.ceil(state.policy.observeSeconds - state.clock)) : 0
  return {
    test: 'ramp',
    text:
      fresh.requests === 0
        ? nothingYet(state)
        : `${count(fresh.bad)} of ${count(fresh.requests)} failed: at most ${percent(now.upper)} can be failing (90 % sure)`,
    failedNew: fresh.bad,
    failedOld: old.bad,
    requestsNew: fresh.requests,
    requestsOld: old.requests,
    ...(known ? { requestsNeeded: needed } : {}),
    ...(known && (perSecond > 0 || needed === 0)
      ? { expectedSeconds: late + Math.max(observing, needed === 0 ? 0 : Math.ceil(needed / perSecond)) }
      : {}),
  }
}

function nothingYet(state: JudgeState): string {
  const late = lateSeconds(state.feed)
  return late > 0 && state.weight > 0
    ? `nothing is known of the new release yet: the router's figures come up to ${seconds(late)} late`
    : 'no request on the new release yet'
}

/** Why the weight stands still although nothing speaks against the new release alone. */
export function incidentReason(state: JudgeState): Reason {
  const { requests, bad } = state.oldRecent
  return {
    test: 'guard',
    text: `the old release itself fails: ${count(bad)} of ${count(requests)} requests in ${Math.max(30, state.feed.blockSeconds)} s; nothing grows until that ends`,
    ...figures(state),
  }
}

const signals: Readonly<Record<Cause, string>> = {
  errors: 'fast',
  absolute: 'absolute',
  latency: 'latency',
  probes: 'probes',
  route: 'route',
  routing: 'routing',
  business: 'business',
  'web-vitals': 'web-vitals',
}

export function alarmReason(state: JudgeState, doubt: Doubt): Reason {
  return {
    test: signals[doubt.cause],
    text: `${suspicion(state, doubt.cause, doubt.route)}: traffic is withdrawn for a second look`,
    evidence: factor(doubt.evidence),
    threshold: Math.round(1 / thresholdsOf(state.policy).retreat),
    ...figures(state),
  }
}

export function suspectReason(state: JudgeState, instance: string): Reason {
  const bad = state.suspects.bad[instance] ?? 0
  return {
    test: 'instance',
    text: `${instance} alone fails (about ${count(bad)} of the last failures): it is replaced, the release goes on`,
    ...figures(state),
  }
}

export function suspicion(state: JudgeState, cause: Cause, route?: string): string {
  switch (cause) {
    case 'errors':
      return `${failures(state)}${risk(state)}`
    case 'absolute':
      return `more than ${percent(state.policy.absoluteLimit)} of the requests fail: ${failures(state)}`
    case 'latency':
      return `requests are slower than tolerated, most clearly at ${state.latency === null ? 'p90' : slowestQuantile(state.latency)}`
    case 'probes':
      return `probes of ${worstProbe(state.probes) ?? 'the new release'} fail`
    case 'route': {
      const [requestsNew = 0, badNew = 0, requestsOld = 0, badOld = 0] = routeCounts(state.routes, route ?? '')
      return (
        `${route ?? 'one route'}: ${count(badNew)} of ${count(requestsNew)} requests failed on the new release, ` +
        `${count(badOld)} of ${count(requestsOld)} on the old`
      )
    }
    case 'routing':
      return `the router does not split traffic as it says: ${count(state.totals.new.requests)} requests went to the new release, ${count(state.totals.old.requests)} to the old`
    case 'business':
      return `conversions are lost: ${count(state.business.counts.new)} from the new release, ${count(state.business.counts.old)} from the old`
    case 'web-vitals':
      return 'pages got worse for users (Core Web Vitals)'
    default:
      return cause satisfies never
  }
}

export function confirmReason(state: JudgeState, doubt: Doubt, now: Growth, weight: number): Reason {
  const needed = Math.max(0, Math.ceil(requestsForDecision(state, doubt) - doubt.requests))
  const perSecond = now.requestsPerSecond * weight
  const looked = Math.round(lookedFor(state, doubt))
  return {
    test: 'confirm',
    text: `second look for ${looked} s: ${count(doubt.bad)} of ${count(doubt.requests)} requests failed on the new release`,
    evidence: factor(confirmEvidence(doubt)),
    threshold: Math.round(1 / thresholdsOf(state.policy).confirm),
    requestsNeeded: needed,
    ...(perSecond > 0 ? { expectedSeconds: lateSeconds(state.feed) + Math.ceil(needed / perSecond) } : {}),
    ...figures(state),
  }
}

export function undecidedReason(state: JudgeState, doubt: Doubt): Reason {
  return {
    ...(doubt.cause === 'routing' ? alarmOf(state, doubt) : {}),
    test: doubt.cause === 'routing' ? 'routing' : 'confirm',
    text:
      doubt.cause === 'routing'
        ? `${suspicion(state, 'routing')}: a person has to decide`
        : `undecided after ${Math.round(lookedFor(state, doubt))} s of a second look: ${failures(state)}; a person has to decide`,
    ...figures(state),
  }
}

function alarmOf(state: JudgeState, doubt: Doubt): Partial<Reason> {
  return { evidence: factor(doubt.evidence), threshold: 1e4, ...figures(state) }
}

/** Why it was rolled back or promoted. */
export function finalReason(state: JudgeState, test: string, text: string, log?: number, alpha?: number): Reason {
  return {
    test,
    text,
    ...(log === undefined ? {} : { evidence: factor(log) }),
    ...(alpha === undefined ? {} : { threshold: Math.round(1 / alpha) }),
    ...figures(state),
  }
}

export function promotedText(state: JudgeState, now: Growth, conclusive: boolean): string {
  const base = `${failures(state)}; at most ${percent(now.upper)} of the new release's requests can be failing (90 % sure)`
  return conclusive ? base : `${base}; not enough evidence yet to say that it is as good as the old one`
}
