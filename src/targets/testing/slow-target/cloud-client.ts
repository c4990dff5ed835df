import { isSluiceError, SluiceError } from '../../../model/error.ts'
import type { Clock } from '../../../support/clock.ts'
import type { Cloud } from './cloud.ts'
import type { Habits } from './habits.ts'

/** The calls of a cloud: plain data in and out. */
export type CloudCalls = { readonly [Name in keyof Cloud]: Cloud[Name] }
export type CallName = Exclude<keyof CloudCalls, 'now'>
export type OrderOf<Name extends CallName> = NonNullable<Parameters<CloudCalls[Name]>[0]>
export type AnswerOf<Name extends CallName> = ReturnType<CloudCalls[Name]>

/** Brings a call to the cloud: into the same process, or over a wire. */
export type Transport = <Name extends CallName>(name: Name, order: OrderOf<Name>) => Promise<AnswerOf<Name>>

export interface CallLimits {
  readonly signal?: AbortSignal
  readonly deadlineMs: number
}

/** Reads, which a busy account is refused now and then. Requests of users are no calls of the API. */
const reads: readonly CallName[] = ['describe', 'samples', 'usage', 'logs']
const dataPlane: readonly CallName[] = ['request', 'preview', 'askRouter', 'isThere', 'openRequests']

const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 8000

export function directly(cloud: Cloud): Transport {
  // One name, one call: the compiler cannot see that they belong together.
  return async (name, order) => (cloud[name] as (order: unknown) => never).call(cloud, order)
}

/** Calls that take their time, are throttled, and are tried again until the deadline of whoever waits for them. */
export class CloudClient {
  readonly #clock: Clock
  readonly #transport: Transport
  readonly #habits: Habits
  readonly #random: () => number

  constructor(options: {
    readonly clock: Clock
    readonly transport: Transport
    readonly habits: Habits
    readonly random?: () => number
  }) {
    this.#clock = options.clock
    this.#transport = options.transport
    this.#habits = options.habits
    this.#random = options.random ?? Math.random
  }

  async call<Name extends CallName>(name: Name, order: OrderOf<Name>, limits: CallLimits): Promise<AnswerOf<Name>> {
    const { signal, deadlineMs } = limits
    const untilMs = this.#clock.monotonicMs() + deadlineMs
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
      await this.#clock.sleep(this.#tripMs(name), signal)
      if (!this.#isThrottled(name)) return this.#transport(name, order)
      if (this.#clock.monotonicMs() + pauseMs > untilMs) throw throttled(name, deadlineMs)
      await this.#clock.sleep(pauseMs * (1 + this.#random()), signal)
    }
  }

  #tripMs(name: CallName): number {
    const [from, to] = this.#habits.callMs
    return dataPlane.includes(name) ? from : from + this.#random() * (to - from)
  }

  #isThrottled(name: CallName): boolean {
    return reads.includes(name) && this.#random() < this.#habits.throttled
  }
}

function throttled(name: CallName, deadlineMs: number): SluiceError {
  return new SluiceError('DEADLINE_EXCEEDED', `${name} was throttled for ${deadlineMs} ms`, {
    hint: 'others of this account ask too often',
  })
}

/** What travels back over a wire. */
export type WireAnswer = { readonly value: unknown } | { readonly error: ReturnType<SluiceError['toJSON']> }

/** Calls over HTTP, for a control plane in a process of its own. */
export function overHttp(url: string): Transport {
  return async (name, order) => {
    const answer = await fetch(url, { method: 'POST', body: JSON.stringify({ name, order }) })
    const body = (await answer.json()) as WireAnswer
    if ('error' in body) throw SluiceError.fromJSON(body.error)
    return body.value as never
  }
}

/** One call that came over a wire. */
export async function answerOverWire(transport: Transport, text: string): Promise<string> {
  const { name, order } = JSON.parse(text) as { readonly name: CallName; readonly order: OrderOf<CallName> }
  try {
    const value = await (transport as (name: CallName, order: unknown) => Promise<unknown>)(name, order)
    return JSON.stringify({ value: value ?? null } satisfies WireAnswer)
  } catch (error) {
    if (!isSluiceError(error)) throw error
    return JSON.stringify({ error: error.toJSON() } satisfies WireAnswer)
  }
}
