import type { Database, Transaction } from './database.ts'

/** Where a consumer goes on in a source; null: at its beginning. */
export async function findCursor(database: Database, consumer: string, source: string): Promise<string | null> {
  const row = await database
    .selectFrom('consumer_cursors')
    .select('cursor')
    .where('consumer', '=', consumer)
    .where('source', '=', source)
    .executeTakeFirst()
  return row?.cursor ?? null
}

/** Moves it from where it was read to; false where it stands elsewhere by now, and nothing may be done again. */
export async function moveCursor(
  transaction: Transaction,
  position: { readonly consumer: string; readonly source: string; readonly from: string | null; readonly to: string },
): Promise<boolean> {
  const { consumer, source, from, to } = position
  if (from === null) {
    const { numInsertedOrUpdatedRows } = await transaction
      .insertInto('consumer_cursors')
      .values({ consumer, source, cursor: to })
      .onConflict((conflict) => conflict.columns(['consumer', 'source']).doNothing())
      .executeTakeFirst()
    return numInsertedOrUpdatedRows === 1n
  }
  const { numUpdatedRows } = await transaction
    .updateTable('consumer_cursors')
    .set({ cursor: to, moved_at: new Date() })
    .where('consumer', '=', consumer)
    .where('source', '=', source)
    .where('cursor', '=', from)
    .executeTakeFirst()
  return numUpdatedRows === 1n
}
