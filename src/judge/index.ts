/**
 * Sequential analysis of a release: pure functions over counts, usable without the rest of Sluice.
 *
 * @example
 * import { explain, policyFrom, start, step } from 'sluice/judge'
 * let state = start(policyFrom({ preset: 'balanced' }), history)
 * for await (const second of seconds) {
 *   const answer = step(state, second)
 *   state = answer.state
 *   if (answer.decision.action === 'roll-back') console.log(explain(state).summary)
 * }
 */

export type { JudgeAction, Reason, Verdict, VerdictPoint } from '../model/verdict.ts'
export { judgeActions } from '../model/verdict.ts'
export type {
  ConversionCount,
  Decision,
  FleetInput,
  History,
  Judge,
  JudgeCapabilities,
  JudgeInput,
  JudgePolicy,
  JudgeThresholds,
  ProbeResult,
  WebVitalCount,
} from './judge.ts'
export { type JudgePreset, type PolicyOverrides, policyFrom, presets } from './policy.ts'
export { type JudgedSecond, type JudgementRecord, type Replay, replay, replayJudgement } from './replay.ts'
export { start } from './start.ts'
export type { JudgeState } from './state.ts'
export { step } from './step.ts'
export { explain } from './verdict.ts'
