import type { Event } from '../model/event.ts'
import type { Database } from './database.ts'
import { jsonb } from './jsonb.ts'

export interface NewEvent {
  readonly type: Event['type']
  readonly environment: string | null
  readonly deployment: string | null
  readonly data: Readonly<Record<string, unknown>>
}

export async function insertEvent(database: Database, event: NewEvent): Promise<Event> {
  const row = await database
    .insertInto('events')
    .values({
      type: event.type,
      environment: event.environment,
      deployment: event.deployment,
      data: jsonb(event.data),
    })
    .returning(['sequence', 'at'])
    .executeTakeFirstOrThrow()
  return { ...event, sequence: Number(row.sequence), at: row.at.toISOString() }
}

export async function listEvents(
  database: Database,
  query: {
    readonly after: number
    readonly deployment?: string
    readonly environment?: string
    readonly limit: number
  },
): Promise<Event[]> {
  let select = database.selectFrom('events').selectAll().where('sequence', '>', String(query.after))
  if (query.deployment !== undefined) select = select.where('deployment', '=', query.deployment)
  if (query.environment !== undefined) select = select.where('environment', '=', query.environment)
  const rows = await select.orderBy('sequence').limit(query.limit).execute()
  return rows.map((row) => ({
    sequence: Number(row.sequence),
    at: row.at.toISOString(),
    type: row.type,
    environment: row.environment,
    deployment: row.deployment,
    data: row.data,
  }))
}

export async function pruneEvents(database: Database, before: Date): Promise<void> {
  await database.deleteFrom('events').where('at', '<', before).execute()
}
