import type { Sample } from '../../model/sample.ts'
import type { Clock } from '../../support/clock.ts'
import type { EngineContext } from '../context.ts'

export interface Tick {
  readonly samples: readonly Sample[]
  readonly cursor: string | null
}

export interface TicksOptions {
  readonly environment: string
  /** Where the samples go on; null: with all that is known. */
  readonly cursor: string | null
  /** Ends the ticks with an error of the caller's. */
  readonly signal: AbortSignal
  /** Ends them early without one. */
  readonly ended: AbortSignal
  /** Longest pause between two ticks when nothing new is known. */
  readonly tickMs: number
}

/** What became known: at once the first time, then whenever something did, and at least once a tick. */
export class Ticks {
  readonly #options: TicksOptions
  readonly #clock: Clock
  readonly #stop: AbortSignal
  readonly #closed = new AbortController()
  #known: Sample[] = []
  #cursor: string | null
  #isNew = false
  #resume = () => {}

  constructor(context: EngineContext, options: TicksOptions) {
    this.#options = options
    this.#clock = context.clock
    this.#cursor = options.cursor
    this.#stop = AbortSignal.any([options.signal, options.ended, this.#closed.signal])
    this.#stop.addEventListener('abort', () => this.#resume(), { once: true })
    this.#read(context).catch(() => {}) // a lost router shows as missing samples
  }

  /** Something else than samples became known. */
  wake(): void {
    this.#isNew = true
    this.#resume()
  }

  close(): void {
    this.#closed.abort()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Tick> {
    while (!this.#stop.aborted) {
      if (!this.#isNew) await this.#pause()
      this.#isNew = false
      if (this.#options.signal.aborted || this.#closed.signal.aborted) return
      yield { samples: this.#known.splice(0), cursor: this.#cursor }
    }
  }

  async #read(context: EngineContext): Promise<void> {
    const { environment, cursor } = this.#options
    const query = { signal: this.#stop, ...(cursor === null ? {} : { after: cursor }) }
    let isFirst = true
    for await (const batch of context.targets.of(environment).witness.samples(query)) {
      this.#known.push(...batch.samples)
      this.#cursor = batch.cursor
      if (isFirst || batch.samples.length > 0) this.wake()
      isFirst = false
    }
  }

  async #pause(): Promise<void> {
    const resumed = new AbortController()
    this.#resume = () => resumed.abort()
    if (this.#stop.aborted) return
    await this.#clock.sleep(this.#options.tickMs, resumed.signal).catch(() => {}) // woken
  }
}
