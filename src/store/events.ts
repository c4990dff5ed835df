import { sql } from 'kysely'
import type { Event } from '../model/event.ts'
import type { Database, Transaction } from './database.ts'
import { jsonb } from './jsonb.ts'

export interface NewEvent {
  readonly type: Event['type']
  readonly environment: string | null
  readonly activity: string | null
  readonly data: Readonly<Record<string, unknown>>
}

/**
 * Gives the event its number and writes it down. The counter stays locked until the transaction ends, so this comes last in
 * it: numbers become visible in their order, and a reader that continues after N never misses N + 1.
 */
export async function insertEvent(transaction: Transaction, event: NewEvent): Promise<Event> {
  const row = await transaction
    .with('counter', (query) => query.updateTable('event_counter').set({ last: sql`last + 1` }).returning('last'))
    .insertInto('events')
    .columns(['sequence', 'at', 'type', 'environment', 'activity', 'data'])
    .expression((query) =>
      query
        .selectFrom('counter')
        .select([
          'counter.last',
          sql<Date>`clock_timestamp()`.as('at'),
          sql<Event['type']>`${event.type}::text`.as('type'),
          sql<string | null>`${event.environment}::text`.as('environment'),
          sql<string | null>`${event.activity}::text`.as('activity'),
          sql<string>`${jsonb(event.data)}::jsonb`.as('data'),
        ]),
    )
    .returning(['sequence', 'at'])
    .executeTakeFirstOrThrow()
  return eventOf({ ...event, sequence: row.sequence, at: row.at })
}

export async function listEvents(
  database: Database,
  query: {
    readonly after: number
    readonly activity?: string
    readonly environment?: string
    readonly limit: number
  },
): Promise<Event[]> {
  let select = database.selectFrom('events').selectAll().where('sequence', '>', String(query.after))
  if (query.activity !== undefined) select = select.where('activity', '=', query.activity)
  if (query.environment !== undefined) select = select.where('environment', '=', query.environment)
  return (await select.orderBy('sequence').limit(query.limit).execute()).map(eventOf)
}

/** Number of the newest event that can be seen; 0: there was none yet. */
export async function newestSequence(database: Database): Promise<number> {
  const { last } = await database.selectFrom('event_counter').select('last').executeTakeFirstOrThrow()
  return Number(last)
}

export async function pruneEvents(database: Database, before: Date): Promise<void> {
  await database.deleteFrom('events').where('at', '<', before).execute()
}

function eventOf(row: NewEvent & { readonly sequence: string; readonly at: Date }): Event {
  const { type, environment, activity, data } = row
  return {
    sequence: Number(row.sequence),
    at: row.at.toISOString(),
    type,
    environment,
    activity,
    deployment: type.startsWith('deployment.') ? activity : null,
    data,
  }
}
