import type { JudgedSecond } from '../../judge/index.ts'
import { countEvidence, putEvidence, removeEvidence } from '../../store/judge-states.ts'
import { messageOf } from '../../support/message-of.ts'
import type { EngineContext } from '../context.ts'
import type { DossierHead } from '../dossier.ts'

/** Seconds per stored row: what a killed control plane may lose of the record (never of the judgement). */
const SECONDS_PER_ROW = 15

/** Writes down what the judge was given, second by second, so that it can be judged again exactly. */
export class Recorder {
  readonly #context: EngineContext
  readonly #deployment: string
  readonly #phase: string
  #seconds: JudgedSecond[] = []
  #rows: number | null = null
  /** One write after the other; a failed one is told and forgotten. */
  #writing: Promise<void> = Promise.resolve()

  constructor(context: EngineContext, deployment: string, phase: string) {
    this.#context = context
    this.#deployment = deployment
    this.#phase = phase
  }

  /** A record that was begun before, by a judgement that was lost, is replaced. */
  begin(head: DossierHead): void {
    const { database } = this.#context
    this.#write(async () => {
      await removeEvidence(database, this.#deployment, `seconds-${this.#phase}-`)
      await putEvidence(database, this.#deployment, `samples-${this.#phase}`, head)
    })
  }

  add(second: JudgedSecond): void {
    this.#seconds.push(second)
    if (this.#seconds.length >= SECONDS_PER_ROW) this.#flush()
  }

  /** Resolves when everything is written, or was found impossible to write. */
  async close(): Promise<void> {
    if (this.#seconds.length > 0) this.#flush()
    await this.#writing
  }

  #flush(): void {
    const seconds = this.#seconds
    this.#seconds = []
    this.#write(async () => {
      const prefix = `seconds-${this.#phase}-`
      this.#rows ??= await countEvidence(this.#context.database, this.#deployment, prefix)
      const kind = `${prefix}${String(this.#rows).padStart(6, '0')}`
      this.#rows += 1
      await putEvidence(this.#context.database, this.#deployment, kind, seconds)
    })
  }

  #write(body: () => Promise<void>): void {
    this.#writing = this.#writing.then(body).catch((error: unknown) => {
      // Evidence is worth much, but never more than the outcome itself.
      this.#context.log.warn(`the record of ${this.#deployment} could not be kept: ${messageOf(error)}`)
    })
  }
}
