import type { DatabaseHosts } from '../databases/database-hosts.ts'
import type { ReleaseRecord } from '../model/release.ts'
import type { EnvironmentDatabases } from './context.ts'

const START_MS = 60_000

/** What a release is given as `DATABASE_URL`, from the host that its settings choose. */
export function environmentDatabases(hosts: DatabaseHosts): EnvironmentDatabases {
  return {
    async urlFor(release, signal) {
      const { database, environment } = release
      if (database === null) return null
      const { url } = await hosts.hostOf(givenServer(database)).ensure(environment, { signal, deadlineMs: START_MS })
      return url
    },
  }
}

function givenServer({ url }: NonNullable<ReleaseRecord['database']>) {
  return url === undefined
    ? null
    : { url, name: 'database.url', hint: 'write it as postgres://user:password@host:5432/database' }
}
