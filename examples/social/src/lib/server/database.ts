import postgres from 'postgres'

let client: postgres.Sql | undefined

/** One small pool for the process, opened at the first query. */
export function database(): postgres.Sql {
  if (client) return client
  const url = process.env['DATABASE_URL']
  if (!url) throw new Error('DATABASE_URL is not set')
  client = postgres(url, { max: 5, idle_timeout: 60, connect_timeout: 5, onnotice: () => {} })
  return client
}

/** True when the database answers within the time. */
export async function databaseAnswers(timeoutMs: number): Promise<boolean> {
  const deadline = new Promise<false>((resolve) => {
    setTimeout(resolve, timeoutMs, false).unref()
  })
  return Promise.race([database()`select 1`.then(() => true as const), deadline]).catch(() => false)
}

export async function closeDatabase(): Promise<void> {
  const closing = client
  client = undefined
  await closing?.end({ timeout: 5 })
}
