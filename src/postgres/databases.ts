import { escapeIdentifier, escapeLiteral } from 'pg'
import type { WantedDatabase } from './cluster.ts'
import { addressOf, type ClusterAddress, withClient } from './connection.ts'

/** Set-to: role, password, database and owner are as wanted afterwards, whatever was there. */
export async function ensureDatabase(superuser: ClusterAddress, wanted: WantedDatabase): Promise<ClusterAddress> {
  const role = escapeIdentifier(wanted.role)
  const database = escapeIdentifier(wanted.database)
  await withClient(superuser, 30_000, async (client) => {
    await client.query(`create role ${role} login`).catch(ignoring('42710'))
    await client.query(`alter role ${role} login password ${escapeLiteral(wanted.password)}`)
    await client.query(`create database ${database} owner ${role}`).catch(ignoring('42P04'))
    await client.query(`alter database ${database} owner to ${role}`)
    await client.query(`revoke all on database ${database} from public`)
  })
  const { port, socketDirectory } = superuser
  return addressOf({ port, socketDirectory, user: wanted.role, password: wanted.password, database: wanted.database })
}

/** "Already there", also when two of us create at the same moment (23505). */
function ignoring(code: string): (error: { code?: string }) => void {
  return (error) => {
    if (error.code !== code && error.code !== '23505') throw error
  }
}
