import type { Event } from '../model/event.ts'
import type { Database } from '../store/database.ts'
import { insertEvent, listEvents, type NewEvent } from '../store/events.ts'
import type { Events } from './engine.ts'

const PAGE = 500

/**
 * The one stream of state changes. Appends are made one after the other, so that sequence numbers become visible in
 * order and a reader that continues after N never misses N + 1.
 */
export class EventLog implements Events {
  readonly #database: Database
  readonly #listeners = new Set<(event: Event) => void>()
  #tail: Promise<unknown> = Promise.resolve()

  constructor(database: Database) {
    this.#database = database
  }

  append(event: NewEvent): Promise<Event> {
    const appended = this.#tail.then(async () => {
      const row = await insertEvent(this.#database, event)
      for (const listener of this.#listeners) listener(row)
      return row
    })
    this.#tail = appended.catch(() => {})
    return appended
  }

  /** Calls back for each event appended from now on; answers how to stop. */
  listen(listener: (event: Event) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async *stream(query: {
    readonly after: number
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
        const page = await listEvents(this.#database, {
          after,
          limit: PAGE,
          ...(deployment === undefined ? {} : { deployment }),
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
