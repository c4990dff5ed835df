import type { Decision, Judge, JudgeInput, JudgeState } from '../../judge/index.ts'

/** A judge that says what the test tells it to: the engine's side of the contract, without statistics. */
export interface ScriptedJudge extends Judge<JudgeState> {
  /** Every later step decides this. */
  say(decision: Partial<Decision>): void
  /** What it was given last. */
  heard(): JudgeInput | null
}

export function scriptedJudge(): ScriptedJudge {
  let decision: Decision = { action: 'promote', weight: 1, replace: [], reasons: [] }
  let steps = 0
  let heard: JudgeInput | null = null
  return {
    say: (next) => {
      decision = { action: 'ramp', weight: 0.1, replace: [], reasons: [], ...next }
    },
    start: (policy) => ({ scripted: true, policy }) as unknown as JudgeState,
    heard: () => heard,
    step: (state, input) => {
      steps++
      heard = input
      return { state, decision }
    },
    explain: () => ({
      action: decision.action,
      conclusive: true,
      summary: `${decision.action} after ${steps} steps`,
      reasons: decision.reasons,
      counts: { old: { requests: 0, bad: 0 }, new: { requests: 0, bad: 0 } },
      protectedAfterSeconds: null,
      decidedAfterSeconds: null,
      timeline: [],
    }),
  }
}
