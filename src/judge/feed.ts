import type { JudgeCapabilities } from './judge.ts'

/**
 * How news reach the judge: counts of `blockSeconds` at once, known `lagSeconds` after the end of their block. A judgement keeps the
 * feed that it began with.
 */
export interface Feed {
  readonly blockSeconds: number
  readonly lagSeconds: number
}

/** Every second by itself, known at its end. */
export const punctual: Feed = { blockSeconds: 1, lagSeconds: 0 }

export function feedOf({ sampleSeconds = 1, sampleLagSeconds = 0 }: JudgeCapabilities): Feed {
  return { blockSeconds: Math.max(1, Math.ceil(sampleSeconds)), lagSeconds: Math.max(0, Math.ceil(sampleLagSeconds)) }
}

/** By how much the oldest request that is still unknown may lie back. */
export function lateSeconds({ blockSeconds, lagSeconds }: Feed): number {
  return blockSeconds - 1 + lagSeconds
}
