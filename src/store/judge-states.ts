import { gunzipSync, gzipSync } from 'node:zlib'
import type { Database } from './database.ts'
import { jsonb } from './jsonb.ts'

export interface StoredJudgement {
  readonly state: object
  readonly cursor: string | null
  readonly startedAt: Date
}

export async function findJudgeState(
  database: Database,
  activity: string,
  phase: string,
): Promise<StoredJudgement | undefined> {
  const row = await database
    .selectFrom('judge_states')
    .selectAll()
    .where('activity', '=', activity)
    .where('phase', '=', phase)
    .executeTakeFirst()
  return row && { state: row.state, cursor: row.cursor, startedAt: row.started_at }
}

export async function putJudgeState(
  database: Database,
  activity: string,
  phase: string,
  judgement: StoredJudgement,
): Promise<void> {
  const values = { state: jsonb(judgement.state), cursor: judgement.cursor, updated_at: new Date() }
  await database
    .insertInto('judge_states')
    .values({ activity, phase, started_at: judgement.startedAt, ...values })
    .onConflict((conflict) => conflict.columns(['activity', 'phase']).doUpdateSet(values))
    .execute()
}

export async function putEvidence(database: Database, activity: string, kind: string, data: unknown): Promise<void> {
  const packed = gzipSync(JSON.stringify(data))
  await database
    .insertInto('evidence')
    .values({ activity, kind, data: packed })
    .onConflict((conflict) => conflict.columns(['activity', 'kind']).doUpdateSet({ data: packed }))
    .execute()
}

export async function findEvidence(database: Database, activity: string, kind: string): Promise<unknown> {
  const row = await database
    .selectFrom('evidence')
    .select('data')
    .where('activity', '=', activity)
    .where('kind', '=', kind)
    .executeTakeFirst()
  return row === undefined ? undefined : JSON.parse(gunzipSync(row.data).toString())
}

/** All evidence whose kind begins with the text, in the order of the kinds. */
export async function listEvidence(database: Database, activity: string, kindPrefix: string): Promise<unknown[]> {
  const rows = await database
    .selectFrom('evidence')
    .select('data')
    .where('activity', '=', activity)
    .where('kind', 'like', `${kindPrefix}%`)
    .orderBy('kind')
    .execute()
  return rows.map((row) => JSON.parse(gunzipSync(row.data).toString()) as unknown)
}

export async function countEvidence(database: Database, activity: string, kindPrefix: string): Promise<number> {
  const { count } = await database
    .selectFrom('evidence')
    .select(({ fn }) => fn.countAll<string>().as('count'))
    .where('activity', '=', activity)
    .where('kind', 'like', `${kindPrefix}%`)
    .executeTakeFirstOrThrow()
  return Number(count)
}

export async function removeEvidence(database: Database, activity: string, kindPrefix: string): Promise<void> {
  await database
    .deleteFrom('evidence')
    .where('activity', '=', activity)
    .where('kind', 'like', `${kindPrefix}%`)
    .execute()
}

/** Forgets what judgements rested on before that time, and where they stood. */
export async function pruneEvidence(database: Database, before: Date): Promise<void> {
  await database.deleteFrom('evidence').where('created_at', '<', before).execute()
  await database.deleteFrom('judge_states').where('updated_at', '<', before).execute()
}
