import type { JudgeInput } from './judge.ts'
import type { JudgeState } from './state.ts'

/** Those of the live instances that ever got a request. */
export function serving(state: JudgeState, live: readonly string[]): readonly string[] {
  return live.every((id) => state.served[id] === 1) ? live : live.filter((id) => state.served[id] === 1)
}

/** Keeps the state small over many replacements. */
export function forgetGone(state: JudgeState, input: JudgeInput): void {
  const live = new Set([...input.old.instances, ...input.new.instances])
  for (const id of Object.keys(state.served)) if (!live.has(id)) delete state.served[id]
}
