import type { Verdict } from './judge.ts'
import { elapsed } from './rates.ts'
import { finalReason, suspicion } from './reasons.ts'
import type { JudgeState } from './state.ts'
import { timelinePoints } from './timeline.ts'
import { failures, percent, risk, seconds } from './words.ts'

/** Puts a state into words and figures; changes nothing. */
export function explain(state: JudgeState): Verdict {
  const { marks, totals } = state
  const text = marks.because ?? `${failures(state)}${risk(state)}`
  return {
    action: marks.action,
    conclusive: marks.conclusive && state.doubt?.asked !== true,
    summary: summary(state),
    reasons: [finalReason(state, marks.decidedBy ?? 'ramp', text)],
    counts: {
      old: { requests: totals.old.requests, bad: totals.old.bad },
      new: { requests: totals.new.requests, bad: totals.new.bad },
    },
    protectedAfterSeconds: marks.protectedAfter,
    decidedAfterSeconds: marks.decidedAfter,
    timeline: timelinePoints(state.timeline),
  }
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
