import { findCursor, moveCursor } from '../../store/consumer-cursors.ts'
import type { Database } from '../../store/database.ts'
import { listEvents } from '../../store/events.ts'
import type { Log } from '../../support/log.ts'
import { messageOf } from '../../support/message-of.ts'
import type { EventLog } from '../event-log.ts'
import type { EventConsumer } from './consumer.ts'

const PAGE = 200
const FIRST_RETRY_MS = 500
const LAST_RETRY_MS = 60_000

export interface EventConsumersOptions {
  readonly database: Database
  readonly events: EventLog
  readonly consumers: readonly EventConsumer[]
  readonly log: Log
}

/** Gives each consumer what it has not seen, and then what comes when it comes: nothing is looked at in silence. */
export function startEventConsumers(options: EventConsumersOptions): { stop(): Promise<void> } {
  const readers = options.consumers.map((consumer) => new Reader(options, consumer))
  const forget =
    readers.length === 0 ? () => {} : options.events.listen(() => readers.forEach((reader) => reader.wake()))
  for (const reader of readers) reader.wake()
  return {
    stop: async () => {
      forget()
      await Promise.all(readers.map((reader) => reader.stop()))
    },
  }
}

/** One consumer never holds up another. */
class Reader {
  readonly #options: EventConsumersOptions
  readonly #consumer: EventConsumer
  #isStopped = false
  #isStale = false
  #reading: Promise<void> | null = null
  #retry: NodeJS.Timeout | null = null
  #failures = 0

  constructor(options: EventConsumersOptions, consumer: EventConsumer) {
    this.#options = options
    this.#consumer = consumer
  }

  wake(): void {
    this.#isStale = true
    if (this.#isStopped || this.#reading !== null || this.#retry !== null) return
    this.#reading = this.#readAll().finally(() => (this.#reading = null))
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    if (this.#retry !== null) clearTimeout(this.#retry)
    await this.#reading
  }

  async #readAll(): Promise<void> {
    try {
      while (this.#isStale && !this.#isStopped) {
        this.#isStale = false
        if (await this.#readPage()) this.#isStale = true
        this.#failures = 0
      }
    } catch (error) {
      this.#failures += 1
      const waitMs = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** (this.#failures - 1))
      this.#options.log.warn(
        `${this.#consumer.name} could not take its events, next try in ${waitMs} ms: ${messageOf(error)}`,
      )
      this.#retry = setTimeout(() => {
        this.#retry = null
        this.wake()
      }, waitMs).unref()
    }
  }

  /** Answers whether there may be more. */
  async #readPage(): Promise<boolean> {
    const { name } = this.#consumer
    return this.#options.database.transaction().execute(async (transaction) => {
      const cursor = await findCursor(transaction, name, 'events')
      const page = await listEvents(transaction, { after: Number(cursor ?? 0), limit: PAGE })
      const last = page.at(-1)
      if (last === undefined) return false
      const position = { consumer: name, source: 'events', from: cursor, to: String(last.sequence) }
      if (await moveCursor(transaction, position)) await this.#consumer.take(page, transaction)
      return page.length === PAGE
    })
  }
}
