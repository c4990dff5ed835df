import type { Verdict } from '../../judge/index.ts'
import type { Message } from '../../store/messages.ts'
import type { JudgedPhase } from './judged-phase.ts'

/** A person ended the wait of a judgement; kept with it, since it belongs to its verdict. */
export interface Promotion {
  readonly by: string
  readonly afterSeconds: number
  /** What nobody knew by then, sentence by sentence. */
  readonly unknown: readonly string[]
}

/** Hears of a promotion of this phase; one of the traffic's shift does not end the bake that follows. */
export class PromotionMessages {
  readonly #phase: JudgedPhase
  #by: string | null = null

  constructor(phase: JudgedPhase) {
    this.#phase = phase
  }

  readonly onMessage = (message: Message): void => {
    if (message.data.phase === this.#phase) this.#by ??= message.by
  }

  /** Who wants it; null: nobody. */
  get by(): string | null {
    return this.#by
  }
}

/** What ends unknown when the wait of a judgement ends now; `leftSeconds` of a bake, null where the judge decides. */
export function stillUnknown({ counts, reasons }: Verdict, leftSeconds: number | null): readonly string[] {
  const { old, new: fresh } = counts
  const seen = `${fresh.requests} requests of the new release were seen, ${fresh.bad} of them failed; of the old one ${old.requests} and ${old.bad}`
  const open =
    leftSeconds === null
      ? (reasons[0]?.text ?? 'the judge had no evidence yet')
      : `what shows itself in the ${Math.max(0, Math.round(leftSeconds))} s that were left is not watched with the old release warm`
  return [seen, open]
}

/** A verdict that a person cut short: where the judge had not decided, nothing is proven. */
export function promotedVerdict(verdict: Verdict, phase: JudgedPhase, promotion: Promotion | undefined): Verdict {
  if (promotion === undefined) return verdict
  const { by, afterSeconds, unknown } = promotion
  const summary = `promoted by ${by} after ${afterSeconds} s: ${unknown.join('; ')}`
  return {
    ...verdict,
    action: 'promote',
    conclusive: phase === 'bake' && verdict.conclusive,
    summary,
    reasons: [{ test: 'person', text: summary }, ...verdict.reasons],
    decidedAfterSeconds: afterSeconds,
  }
}
