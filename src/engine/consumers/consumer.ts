import type { Event } from '../../model/event.ts'
import type { Sample } from '../../model/sample.ts'
import type { Transaction } from '../../store/database.ts'

/**
 * A reader of one stream with a cursor of its own, kept in the database. What it does and the move of its cursor are one
 * transaction: after a crash it goes on where it was, and has done everything exactly once.
 */
export type Consumer = EventConsumer | SampleConsumer

export interface EventConsumer {
  /** Names its cursors: never to be changed. */
  readonly name: string
  readonly from: 'events'
  /** In their order, and at once when they come. Acts in the transaction alone; what it throws is tried again later. */
  take(events: readonly Event[], transaction: Transaction): Promise<void>
}

export interface SampleConsumer {
  readonly name: string
  readonly from: 'samples'
  /** What became known of one environment since the last look, about once a minute. */
  take(news: SampleNews, transaction: Transaction): Promise<void>
}

export interface SampleNews {
  readonly environment: string
  readonly samples: readonly Sample[]
}
