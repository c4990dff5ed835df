import type { Reason, Verdict } from '../model/verdict.ts'
import { businessEvidence } from './business-test.ts'
import { fastEvidence } from './fast-test.ts'
import { latencyEvidence } from './latency-test.ts'
import { levelEvidence } from './level-test.ts'
import { thresholdsOf } from './policy.ts'
import { probeEvidence } from './probe-watch.ts'
import { elapsed } from './rates.ts'
import { finalReason, suspicion } from './reasons.ts'
import { robustEvidence } from './robust-test.ts'
import { ROUTE_BUDGET, routeEvidence } from './route-watch.ts'
import { ROUTING_THRESHOLD, routingEvidence } from './routing-guard.ts'
import { confirmEvidence } from './second-look.ts'
import type { JudgeState } from './state.ts'
import { factor, timelinePoints } from './timeline.ts'
import { upToDate } from './upgrade.ts'
import { webVitalsEvidence } from './web-vitals-test.ts'
import { count, failures, percent, risk, seconds, times } from './words.ts'

/** Puts a state into words and figures; changes nothing. */
export function explain(given: JudgeState): Verdict {
  const state = upToDate(given)
  const { marks, totals } = state
  const text = marks.because ?? `${failures(state)}${risk(state)}`
  return {
    action: marks.action,
    conclusive: marks.conclusive && state.doubt?.asked !== true,
    summary: summary(state),
    reasons: [finalReason(state, marks.decidedBy ?? 'ramp', text), ...everyTest(state)],
    counts: {
      old: { requests: totals.old.requests, bad: totals.old.bad },
      new: { requests: totals.new.requests, bad: totals.new.bad },
    },
    protectedAfterSeconds: marks.protectedAfter,
    decidedAfterSeconds: marks.decidedAfter,
    timeline: timelinePoints(state.timeline),
  }
}

/** Where each test that ran stands, and what it would have needed. */
function everyTest(state: JudgeState): Reason[] {
  const { policy, doubt } = state
  const alpha = thresholdsOf(policy)
  const reasons: Reason[] = []
  const add = (test: string, name: string, log: number, needed: number, would: string) => {
    const text = `${name}: evidence ${times(log)} : 1, ${count(needed)} : 1 would ${would}`
    reasons.push({ test, text, evidence: factor(log), threshold: Math.round(needed) })
  }
  if (policy.metrics.errors) {
    add('fast', 'single failures', fastEvidence(state.fast), 1 / alpha.retreat, 'withdraw traffic')
    add('robust', 'failures by instance and 10 s', robustEvidence(state.robust), 1 / alpha.rollBack, 'roll back')
    const limit = percent(policy.absoluteLimit)
    add(
      'absolute',
      `more than ${limit} failing`,
      levelEvidence(state.absolute.alarm),
      1 / alpha.retreat,
      'withdraw traffic',
    )
  }
  if (doubt?.since != null) add('confirm', 'second look', confirmEvidence(doubt), 1 / alpha.confirm, 'roll back')
  if (state.latency !== null && state.learned.latency !== null) {
    add('latency', 'slower requests', latencyEvidence(state.latency), 1 / alpha.latency, 'roll back')
  }
  const { business, routes } = state
  if (business.counts.old + business.counts.new > 0) {
    add('business', 'lost conversions', businessEvidence(business), 1 / alpha.business, 'roll back')
  }
  if (state.webVitals.seen) {
    add('web-vitals', 'Core Web Vitals', webVitalsEvidence(state.webVitals), 1 / alpha.webVitals, 'roll back')
  }
  const { evidence, route } = routeEvidence(routes)
  if (route !== null)
    add('route', `failures on ${route}`, evidence, 1 / (alpha.retreat * ROUTE_BUDGET), 'withdraw traffic')
  if (state.probes.new.probes > 0) {
    add('probes', 'probes', probeEvidence(state.probes).decision, 1 / alpha.rollBack, 'roll back')
  }
  add('routing', 'traffic split otherwise than stated', routingEvidence(state.routing), ROUTING_THRESHOLD, 'hold')
  return reasons
}

function summary(state: JudgeState): string {
  const { marks, doubt } = state
  const why = `${failures(state)}${risk(state)}`
  const inconclusive = marks.conclusive ? '' : '; the evidence did not suffice'
  if (state.phase === 'rolled-back') {
    const decided = marks.decidedAfter ?? elapsed(state)
    const withdrawn =
      marks.protectedAfter !== null && marks.protectedAfter < decided
        ? `traffic withdrawn after ${seconds(marks.protectedAfter)}, `
        : ''
    const signal = marks.cause === null || marks.cause === 'errors' ? '' : `${suspicion(state, marks.cause)}; `
    return `${withdrawn}rolled back after ${seconds(decided)}: ${signal}${why}${inconclusive}`
  }
  if (state.phase === 'promoted') {
    return `promoted after ${seconds(marks.decidedAfter ?? elapsed(state))}: ${why}${inconclusive}`
  }
  if (doubt?.asked) return `undecided after ${seconds(elapsed(state))}, a person is asked: ${why}`
  if (doubt !== null) {
    return `traffic withdrawn after ${seconds(marks.protectedAfter ?? 0)}, taking a second look: ${why}`
  }
  return `watching for ${seconds(elapsed(state))} at ${percent(state.weight)} of the traffic: ${why}`
}
