export const judgeActions = ['ramp', 'hold', 'retreat', 'confirm', 'roll-back', 'promote'] as const
export type JudgeAction = (typeof judgeActions)[number]

export interface Reason {
  /** Which test or rule, such as `fast`, `robust`, `latency`, `ramp`, `absolute`, `routing`. */
  readonly test: string
  /** A sentence for people, with figures. */
  readonly text: string
  /** Evidence e and the threshold it is held against, as factors (not logarithms). */
  readonly evidence?: number
  readonly threshold?: number
  /** Risk ratio new : old with its 95 % confidence sequence. */
  readonly ratio?: { readonly estimate: number; readonly low: number; readonly high: number }
  readonly failedNew?: number
  readonly failedOld?: number
  readonly requestsNew?: number
  readonly requestsOld?: number
  /** Requests of the new release still needed for a decision, and how long they take at the present traffic. */
  readonly requestsNeeded?: number
  readonly expectedSeconds?: number
}

/** The verdict dossier: what is stored with a deployment and shown to people. */
export interface Verdict {
  readonly action: JudgeAction
  readonly conclusive: boolean
  /** One sentence, such as "rolled back after 41 s: 9 of 412 requests failed on the new release, 1 of 3,907 on the old". */
  readonly summary: string
  readonly reasons: readonly Reason[]
  readonly counts: {
    readonly old: { readonly requests: number; readonly bad: number }
    readonly new: { readonly requests: number; readonly bad: number }
  }
  /** Seconds from the start of the judgement; null: it did not happen. */
  readonly protectedAfterSeconds: number | null
  readonly decidedAfterSeconds: number | null
  /** Evidence over time, thinned to at most 240 points. */
  readonly timeline: readonly VerdictPoint[]
}

export interface VerdictPoint {
  readonly second: number
  readonly weight: number
  readonly action: JudgeAction
  readonly evidence: Readonly<Record<string, number>>
}
