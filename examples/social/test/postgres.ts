export interface Server {
  /** Of a user that may create databases. */
  url: string
  stop: () => Promise<void>
}

/** The server named by `DATABASE_URL`. */
export async function startServer(): Promise<Server> {
  const url = process.env['DATABASE_URL']
  if (!url) throw new Error('set DATABASE_URL to a PostgreSQL server on which databases may be created')
  return { url, stop: async () => {} }
}
