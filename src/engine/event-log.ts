import type { Event } from '../model/event.ts'
import type { Database, Transaction } from '../store/database.ts'
import { insertEvent, listEvents, type NewEvent, newestSequence } from '../store/events.ts'
import type { Events } from './engine.ts'

const PAGE = 500

/** The one stream of state changes: what changes and the event that tells of it are one transaction (DESIGN, law 11). */
export class EventLog implements Events {
  readonly #database: Database
  readonly #listeners = new Set<(event: Event) => void>()
  #tail: Promise<void> = Promise.resolve()

  constructor(database: Database) {
    this.#database = database
  }

  /**
   * Runs the body in a transaction of the database and nothing else; what it tells is written at its end, and told to those
   * who listen after the commit.
   */
  async transact<Value>(
    body: (transaction: Transaction, tell: (event: NewEvent) => void) => Promise<Value>,
  ): Promise<Value> {
    const told: Event[] = []
    const value = await this.#database.transaction().execute(async (transaction) => {
      const events: NewEvent[] = []
      const answer = await body(transaction, (event) => events.push(event))
      for (const event of events) told.push(await insertEvent(transaction, event))
      return answer
    })
    for (const event of told) for (const listener of this.#listeners) listener(event)
    return value
  }

  /** For what changes nothing in the database; in the order of the calls, as nobody need wait for one. */
  append(event: NewEvent): Promise<void> {
    const appended = this.#tail.then(() => this.transact(async (_transaction, tell) => tell(event)))
    this.#tail = appended.catch(() => {})
    return appended
  }

  /** Calls back for each event of this process from now on, after its commit; answers how to stop. */
  listen(listener: (event: Event) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async *stream(query: {
    readonly after: number | 'now'
    readonly deployment?: string
    readonly environment?: string
    readonly signal: AbortSignal
  }): AsyncGenerator<Event> {
    const { signal, deployment, environment } = query
    let after = query.after
    let wake = () => {}
    let isStale = true
    const stop = this.listen(() => {
      isStale = true
      wake()
    })
    const onAbort = () => wake()
    signal.addEventListener('abort', onAbort)
    try {
      while (!signal.aborted) {
        if (!isStale) {
          await new Promise<void>((resolve) => {
            wake = resolve
          })
          continue
        }
        isStale = false
        if (after === 'now') after = await newestSequence(this.#database)
        const page = await listEvents(this.#database, {
          after,
          limit: PAGE,
          ...(deployment === undefined ? {} : { activity: deployment }),
          ...(environment === undefined ? {} : { environment }),
        })
        for (const event of page) {
          yield event
          after = event.sequence
        }
        if (page.length === PAGE) isStale = true
      }
    } finally {
      stop()
      signal.removeEventListener('abort', onAbort)
    }
  }
}
