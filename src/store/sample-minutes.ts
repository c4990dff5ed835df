import type { LatencyHistogram, StatusClasses } from '../model/sample.ts'
import type { Database, Transaction } from './database.ts'
import { jsonb } from './jsonb.ts'

/** What happened to the requests of one service and release that arrived in one minute. */
export interface SampleMinute {
  /** Its beginning. */
  readonly minute: Date
  readonly service: string
  readonly release: string
  readonly requests: number
  readonly bad: number
  readonly statusClasses: StatusClasses
  readonly latency: LatencyHistogram
}

/** Minutes of an environment in their order, from the first time on and before the second. */
export async function listSampleMinutes(
  database: Database,
  environment: string,
  time: { readonly from: Date; readonly to: Date },
): Promise<SampleMinute[]> {
  const rows = await database
    .selectFrom('sample_minutes')
    .selectAll()
    .where('environment', '=', environment)
    .where('minute', '>=', time.from)
    .where('minute', '<', time.to)
    .orderBy('minute')
    .orderBy('service')
    .orderBy('release')
    .execute()
  return rows.map((row) => ({
    minute: row.minute,
    service: row.service,
    release: row.release,
    requests: Number(row.requests),
    bad: Number(row.bad),
    statusClasses: row.status_classes,
    latency: row.latency,
  }))
}

/** Overwrites these minutes. */
export async function putSampleMinutes(
  transaction: Transaction,
  environment: string,
  minutes: readonly SampleMinute[],
): Promise<void> {
  if (minutes.length === 0) return
  await transaction
    .insertInto('sample_minutes')
    .values(
      minutes.map(({ statusClasses, latency, requests, bad, ...key }) => ({
        environment,
        ...key,
        requests: String(requests),
        bad: String(bad),
        status_classes: jsonb(statusClasses),
        latency: jsonb(latency),
      })),
    )
    .onConflict((conflict) =>
      conflict.columns(['environment', 'minute', 'service', 'release']).doUpdateSet((eb) => ({
        requests: eb.ref('excluded.requests'),
        bad: eb.ref('excluded.bad'),
        status_classes: eb.ref('excluded.status_classes'),
        latency: eb.ref('excluded.latency'),
      })),
    )
    .execute()
}

export async function pruneSampleMinutes(database: Database, before: Date): Promise<void> {
  await database.deleteFrom('sample_minutes').where('minute', '<', before).execute()
}
