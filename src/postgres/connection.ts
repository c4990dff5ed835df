import { realpathSync } from 'node:fs'
import { Client } from 'pg'

/** How to reach one database of a cluster. TCP on 127.0.0.1, password by SCRAM. */
export interface ClusterAddress {
  readonly host: '127.0.0.1'
  readonly port: number
  /** Folder of the unix socket; only we and the server's user may enter it. */
  readonly socketDirectory: string
  readonly user: string
  readonly password: string
  readonly database: string
  /** All of the above as `postgres://…`; holds the password. */
  readonly url: string
}

export function addressOf(parts: Omit<ClusterAddress, 'host' | 'url'>): ClusterAddress {
  const { user, password, port, database } = parts
  const url = `postgres://${encodeURIComponent(user)}:${encodeURIComponent(password)}@127.0.0.1:${port}/${encodeURIComponent(database)}`
  return { ...parts, host: '127.0.0.1', url }
}

/** Connects, does `work`, disconnects. No answer within `timeoutMs` is an error. */
export async function withClient<T>(
  address: ClusterAddress,
  timeoutMs: number,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const client = new Client({
    host: address.host,
    port: address.port,
    user: address.user,
    password: address.password,
    database: address.database,
    application_name: 'sluice-supervisor',
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs,
  })
  client.on('error', () => {}) // a connection cut while idle is reported by the next query
  try {
    await client.connect()
    return await work(client)
  } finally {
    await client.end().catch(() => {})
  }
}

/** True when the server that answers at this address works on our data: on that port could be somebody else's. */
export async function servesData(address: ClusterAddress, dataDirectory: string, timeoutMs: number): Promise<boolean> {
  const result = await withClient(address, timeoutMs, (client) =>
    client.query<{ data_directory: string }>('show data_directory'),
  )
  const shown = result.rows[0]?.data_directory
  return shown !== undefined && realpathSync(shown) === realpathSync(dataDirectory)
}
