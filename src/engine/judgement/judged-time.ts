import type { Sample } from '../../model/sample.ts'
import type { Clock } from '../../support/clock.ts'

/** More than this between the wall clock and the monotonic one within a tick is no drift: somebody set the clock. */
const JUMP_MS = 5000

/**
 * The judge's seconds pass evenly, whatever is done to the machine's clock: an hour that was skipped is no hour of
 * observation, and an hour that comes again hides no failure. Samples carry the router's wall clock; they are moved along.
 */
export class JudgedTime {
  readonly #clock: Pick<Clock, 'now' | 'monotonicMs'>
  readonly #lagSeconds: number
  #offsetSeconds: number
  #formerOffsetSeconds: number
  #wallMs: number
  #monotonicMs: number

  /** `lagSeconds`: from the end of a sample until it is known. */
  constructor(clock: Pick<Clock, 'now' | 'monotonicMs'>, offsetSeconds: number, lagSeconds: number) {
    this.#clock = clock
    this.#lagSeconds = lagSeconds
    this.#offsetSeconds = offsetSeconds
    this.#formerOffsetSeconds = offsetSeconds
    this.#wallMs = clock.now().getTime()
    this.#monotonicMs = clock.monotonicMs()
  }

  /** What a judge's second is ahead of the wall clock's. */
  get offsetSeconds(): number {
    return this.#offsetSeconds
  }

  now(): Date {
    const [wallMs, monotonicMs] = [this.#clock.now().getTime(), this.#clock.monotonicMs()]
    const jumpedMs = wallMs - this.#wallMs - (monotonicMs - this.#monotonicMs)
    this.#wallMs = wallMs
    this.#monotonicMs = monotonicMs
    if (Math.abs(jumpedMs) > JUMP_MS) {
      this.#formerOffsetSeconds = this.#offsetSeconds
      this.#offsetSeconds -= Math.round(jumpedMs / 1000)
    }
    return new Date(wallMs + this.#offsetSeconds * 1000)
  }

  /** A sample in the judge's seconds; news from before a jump keep the offset of then: by which it is as old as news are here. */
  place(sample: Sample): Sample {
    const ageSeconds = sample.seconds - 1 + this.#lagSeconds
    const expected = this.#wallMs / 1000 + this.#offsetSeconds - ageSeconds
    const distance = (offset: number) => Math.abs(sample.from + offset - expected)
    const isLate = distance(this.#formerOffsetSeconds) < distance(this.#offsetSeconds)
    const offset = isLate ? this.#formerOffsetSeconds : this.#offsetSeconds
    return offset === 0 ? sample : { ...sample, from: sample.from + offset }
  }
}
