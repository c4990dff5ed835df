import type { JudgeInput } from './judge.ts'
import type { JudgeState } from './state.ts'

/** Compilers, pools and caches warm up in the first seconds of an instance; its latencies count after that. */
const WARM_AFTER_SECONDS = 10

/** Those of the live instances that ever got a request. */
export function serving(state: JudgeState, live: readonly string[]): readonly string[] {
  const serves = (id: string) => state.served[id] !== undefined
  return live.every(serves) ? live : live.filter(serves)
}

/** True in the first seconds after an instance's first request. */
export function isCold(state: JudgeState, instance: string | undefined, second: number): boolean {
  const since = instance === undefined ? undefined : state.served[instance]
  return since !== undefined && second - since < WARM_AFTER_SECONDS
}

/** Keeps the state small over many replacements. */
export function forgetGone(state: JudgeState, input: JudgeInput): void {
  const live = new Set([...input.old.instances, ...input.new.instances])
  for (const id of Object.keys(state.served)) if (!live.has(id)) delete state.served[id]
}
