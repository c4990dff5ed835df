import { createServer } from 'node:net'
import { SluiceError } from '../model/error.ts'
import type { EdgeSettings } from '../model/release.ts'
import type { Database } from '../store/database.ts'
import { type EnvironmentRow, listEnvironments, rememberHttpPort } from '../store/environments.ts'

const FIRST_PORT = 8080
const LAST_PORT = 8999

/** The configured port, or the one chosen for this environment the first time: a free one, remembered. */
export async function httpPortFor(
  database: Database,
  environment: EnvironmentRow,
  edge: EdgeSettings,
): Promise<number | null> {
  if (edge.httpPort !== null) return edge.httpPort
  if (edge.httpsPort !== null && !edge.redirectToHttps) return null
  if (environment.http_port !== null) return environment.http_port
  const taken = new Set((await listEnvironments(database)).map((other) => other.http_port))
  for (let port = FIRST_PORT; port <= LAST_PORT; port++) {
    if (!taken.has(port) && (await isFree(port))) return rememberHttpPort(database, environment.key, port)
  }
  throw new SluiceError('NO_PORT', `no port from ${FIRST_PORT} to ${LAST_PORT} is free for the public listener`, {
    hint: 'name one in the configuration: edge: { http: 80 }',
  })
}

export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '0.0.0.0', () => server.close(() => resolve(true)))
  })
}
