import type { Decision } from '../../judge/index.ts'
import { SluiceError } from '../../model/error.ts'
import { jsonb } from '../../store/jsonb.ts'
import type { Message } from '../../store/messages.ts'
import type { EngineContext } from '../context.ts'
import type { DeploymentRun } from '../run.ts'
import type { Kept } from './kept.ts'

/** How long a person has to answer an undecided confirmation. */
const ANSWER_MS = 30 * 60_000

/** An undecided confirmation asks a person; without an answer by the deadline it is rolled back. */
export class Question {
  readonly #context: EngineContext
  readonly #run: DeploymentRun
  readonly #answers: Message['data'][] = []
  /** Deadline of the open question, by which answers name it. */
  #open: string | null = null

  constructor(context: EngineContext, run: DeploymentRun) {
    this.#context = context
    this.#run = run
  }

  readonly onAnswer = (message: Message): void => {
    this.#answers.push(message.data)
  }

  /** True when a person answered an open question with "promote". */
  isPromoted(decision: Decision): boolean {
    return decision.ask === true && this.#given() === 'promote'
  }

  /** Asks once, and throws `ROLLED_BACK` when the answer says so or does not come. */
  async heed(decision: Decision, kept: Kept): Promise<Kept> {
    if (decision.ask !== true) return kept
    if (kept.askedAtMs !== null) this.#open ??= await this.#opened()
    if (this.#given() === 'roll-back') {
      throw new SluiceError('ROLLED_BACK', 'a person answered the open question with roll back')
    }
    if (kept.askedAtMs === null) {
      await this.#ask(decision)
      return { ...kept, askedAtMs: kept.elapsedMs }
    }
    if (kept.elapsedMs - kept.askedAtMs > ANSWER_MS) {
      throw new SluiceError('ROLLED_BACK', `nobody answered the open question within ${ANSWER_MS / 60_000} minutes`)
    }
    return kept
  }

  /** The answer to the open question, and to no other: an answer of the shift is none of the bake. */
  #given(): unknown {
    const { answer } = this.#answers.find(({ question }) => question === undefined || question === this.#open) ?? {}
    return answer ?? null
  }

  async #opened(): Promise<string | null> {
    return (await this.#context.journal.load(this.#run.deployment)).question?.deadline ?? null
  }

  async #ask(decision: Decision): Promise<void> {
    // A crash may lie between the question and what is kept of it: it may be answered already.
    this.#open = await this.#opened()
    if (this.#open !== null) return
    const text = decision.reasons[0]?.text ?? 'the confirmation stayed undecided'
    const deadline = new Date(this.#context.clock.now().getTime() + ANSWER_MS).toISOString()
    this.#open = deadline
    await this.#context.journal.set(this.#run.deployment, {
      question: jsonb({ text, options: ['promote', 'roll-back'], who: null, deadline }),
    })
  }
}
