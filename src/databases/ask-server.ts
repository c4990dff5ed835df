import { Client } from 'pg'
import { maskUrls } from '../secrets/credentials.ts'
import { messageOf } from '../support/message-of.ts'
import type { DatabaseState, HostCallOptions } from './database-host.ts'

type Answer = Omit<DatabaseState, 'generation'>

/** What the server behind a URL says of itself, or why it says nothing. */
export async function askServer(url: string, { signal, deadlineMs }: HostCallOptions): Promise<Answer> {
  signal.throwIfAborted()
  const client = new Client({
    connectionString: url,
    application_name: 'sluice',
    connectionTimeoutMillis: deadlineMs,
    query_timeout: deadlineMs,
  })
  client.on('error', () => {}) // a connection cut while idle is reported by the next query
  const onAbort = () => void client.end().catch(() => {})
  signal.addEventListener('abort', onAbort)
  try {
    await client.connect()
    const { rows } = await client.query<{ version: string; bytes: string }>(
      `select current_setting('server_version') as version, pg_database_size(current_database()) as bytes`,
    )
    return {
      answers: true,
      problem: null,
      serverVersion: rows[0]?.version.split(' ')[0] ?? null,
      sizeBytes: Number(rows[0]?.bytes ?? 0),
    }
  } catch (error) {
    signal.throwIfAborted()
    return { answers: false, problem: maskUrls(messageOf(error)), serverVersion: null, sizeBytes: null }
  } finally {
    signal.removeEventListener('abort', onAbort)
    await client.end().catch(() => {})
  }
}
