import type { DatabaseHosts, GivenServer } from '../databases/database-hosts.ts'
import { SluiceError } from '../model/error.ts'
import type { ReleaseDatabase, ReleaseRecord } from '../model/release.ts'
import type { EngineContext, EnvironmentDatabases } from './context.ts'
import { secretValue } from './secret-values.ts'

const START_MS = 60_000

type Secrets = Pick<EngineContext, 'database' | 'secrets'>

/** What a release is given as `DATABASE_URL`, from the host that its settings choose. */
export function environmentDatabases(hosts: DatabaseHosts, secrets: Secrets): EnvironmentDatabases {
  return {
    async urlFor(release, signal) {
      const { database, environment } = release
      if (database === null) return null
      const host = hosts.hostOf(await givenServer(secrets, { ...release, database }))
      return (await host.ensure(environment, { signal, deadlineMs: START_MS })).url
    },
  }
}

/** Throws `SECRET_MISSING` where the database's URL is in a secret that is not among these. */
export function assertSecretExists(
  environment: string,
  database: ReleaseDatabase | null,
  versions: Readonly<Record<string, number>>,
): void {
  const url = database?.url
  if (typeof url !== 'object' || versions[url.secret] !== undefined) return
  throw new SluiceError('SECRET_MISSING', `${environment} has no secret ${url.secret}, which database.url names`, {
    hint: `set it: ${commandToSet(environment, url.secret)}`,
  })
}

/** The server that the release names; null: it names none. */
async function givenServer(
  secrets: Secrets,
  release: Pick<ReleaseRecord, 'id' | 'environment' | 'secrets'> & { readonly database: ReleaseDatabase },
): Promise<GivenServer | null> {
  const { environment, database } = release
  const { url } = database
  if (url === undefined) return null
  if (typeof url === 'string')
    return { url, name: 'database.url', hint: 'write it as postgres://user:password@host:5432/database' }
  assertSecretExists(environment, database, release.secrets)
  return {
    url: await secretValue(secrets, release, url.secret),
    name: `the secret ${url.secret}, which database.url names,`,
    hint: `set it anew and deploy again: ${commandToSet(environment, url.secret)}`,
  }
}

function commandToSet(environment: string, secret: string): string {
  return `printf %s 'postgres://user:password@host:5432/database' | sluice secret set ${environment} ${secret}`
}
