import type { ReleaseRecord } from '../../../model/release.ts'
import type { Clock } from '../../../support/clock.ts'
import type { At, Described } from './cloud.ts'
import type { AnswerOf, CallLimits, CallName, CloudClient, OrderOf } from './cloud-client.ts'
import { type Habits, type HabitsName, habits } from './habits.ts'

/** An environment in the cloud, as one control plane reaches it. */
export class Place {
  readonly environment: string
  readonly clock: Clock
  readonly habits: Habits
  readonly #at: At
  readonly #client: CloudClient
  readonly #drainMs = new Map<string, number>()

  constructor(options: {
    readonly environment: string
    readonly habits: HabitsName
    readonly clock: Clock
    readonly client: CloudClient
  }) {
    this.environment = options.environment
    this.clock = options.clock
    this.habits = habits[options.habits]
    this.#at = { environment: options.environment, habits: options.habits }
    this.#client = options.client
  }

  /** Longest that one look may take, throttled as it may be. */
  get lookMs(): number {
    return 24 * this.habits.staleMs
  }

  call<Name extends CallName>(
    name: Name,
    order: Omit<OrderOf<Name>, keyof At>,
    limits: CallLimits,
  ): Promise<AnswerOf<Name>> {
    return this.#client.call(name, { ...this.#at, ...order } as OrderOf<Name>, limits)
  }

  describe(limits: CallLimits): Promise<Described> {
    return this.call('describe', {}, limits)
  }

  /** Until no read tells of before any more. */
  settle(signal: AbortSignal): Promise<void> {
    return this.clock.sleep(this.habits.staleMs, signal)
  }

  rememberDrain({ id, services }: ReleaseRecord): void {
    this.#drainMs.set(id, Math.max(0, ...services.map(({ drainMs }) => drainMs)))
  }

  /** Of a release that another control plane launched nothing is known: as long as such places give by default. */
  drainMsOf(release: string): number {
    return this.#drainMs.get(release) ?? 300_000
  }
}
