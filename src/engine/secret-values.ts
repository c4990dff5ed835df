import { SluiceError } from '../model/error.ts'
import type { ReleaseRecord } from '../model/release.ts'
import type { SecretBox } from '../secrets/secret-box.ts'
import type { Database } from '../store/database.ts'
import { findSecretVersion } from '../store/secrets.ts'

/** Where secrets are, and what opens them. */
export interface SecretSource {
  readonly database: Database
  readonly secrets: SecretBox
}

type WithSecrets = Pick<ReleaseRecord, 'environment' | 'secrets' | 'id'>

/** The values of the versions that the release was made with. */
export async function secretValues(context: SecretSource, release: WithSecrets): Promise<Record<string, string>> {
  const values: Record<string, string> = {}
  for (const name of Object.keys(release.secrets)) values[name] = await secretValue(context, release, name)
  return values
}

/** One of them; it has to be among them. */
export async function secretValue(context: SecretSource, release: WithSecrets, name: string): Promise<string> {
  const version = release.secrets[name] ?? 0
  const stored = await findSecretVersion(context.database, release.environment, name, version)
  if (stored?.ciphertext == null) {
    throw new SluiceError('UNEXPECTED', `version ${version} of the secret ${name} is missing for release ${release.id}`)
  }
  return context.secrets.open(stored.ciphertext, secretContext(release.environment, name))
}

export function secretContext(environment: string, name: string): string {
  return `${environment}/${name}`
}
