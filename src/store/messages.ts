import type { Database } from './database.ts'
import { jsonb } from './jsonb.ts'

/** Everything a running activity can be told. A message stays: a restarted workflow reads it again. */
const messageKinds = ['cancel', 'roll-back', 'supersede', 'replace', 'end-bake', 'answer', 'promote'] as const
export type MessageKind = (typeof messageKinds)[number]

export interface Message {
  readonly id: number
  readonly kind: MessageKind
  readonly by: string
  readonly data: Readonly<Record<string, unknown>>
}

export async function insertMessage(database: Database, activity: string, message: Omit<Message, 'id'>): Promise<void> {
  await database
    .insertInto('activity_messages')
    .values({ activity, kind: message.kind, sent_by: message.by, data: jsonb(message.data) })
    .execute()
}

export async function listMessages(database: Database, activity: string): Promise<Message[]> {
  const rows = await database
    .selectFrom('activity_messages')
    .selectAll()
    .where('activity', '=', activity)
    .orderBy('id')
    .execute()
  return rows.map((row) => ({ id: Number(row.id), kind: row.kind as MessageKind, by: row.sent_by, data: row.data }))
}
