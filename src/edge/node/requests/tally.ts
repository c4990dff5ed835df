import type { Arrival, SampleCounter } from '../../samples/sample-counter.ts'
import type { Environment, Service } from '../environment.ts'

/**
 * Counts one request: once at its assignment, once at the head of its answer, and once more if the answer breaks off.
 * Only the first attempt counts: a retry that succeeds does not undo what the first instance did.
 */
export class Tally {
  readonly #startedAt = performance.now()
  readonly #visitor: string | null
  readonly #path: string
  #arrival: Arrival | null = null
  #counter: SampleCounter | null = null
  #service: Service | null = null
  #isComplete = false
  #isBad = false

  constructor(visitor: string | null, path: string) {
    this.#visitor = visitor
    this.#path = path
  }

  assign(environment: Environment, service: Service, counter: SampleCounter): void {
    if (this.#arrival !== null) return
    const waitedMs = performance.now() - this.#startedAt
    this.#service = service
    this.#counter = counter
    this.#arrival = {
      second: Math.floor((Date.now() - waitedMs) / 1000),
      weight: environment.weight,
      route: service.templates.of(this.#path),
      template: service.templates.templateOf(this.#path),
    }
    counter.assign(this.#arrival)
  }

  /** The head of an answer has arrived. */
  answered(status: number): void {
    this.#complete(status, status >= 500)
    if (status !== 404) this.#service?.templates.admit(this.#path)
  }

  /** The first attempt ended without an answer. */
  failed(): void {
    this.#complete(null, true)
  }

  /** The client did not wait for the answer: nobody's fault. */
  givenUp(): void {
    this.#complete(499, false)
  }

  /** The answer had begun and was not finished. */
  brokeOff(): void {
    if (this.#arrival === null || this.#isBad) return
    this.#isBad = true
    this.#counter?.breakOff(this.#arrival, this.#visitor)
  }

  #complete(status: number | null, bad: boolean): void {
    if (this.#isComplete || this.#arrival === null) return
    this.#isComplete = true
    this.#isBad = bad
    const latency = status === null ? {} : { latencyMs: performance.now() - this.#startedAt }
    this.#counter?.complete(this.#arrival, { status, bad, visitor: this.#visitor, ...latency })
  }
}
