import { SluiceError } from '../model/error.ts'
import type { ReleaseRecord } from '../model/release.ts'
import { findSecretVersion } from '../store/secrets.ts'
import type { EngineContext } from './context.ts'

/** The values of the versions that the release was made with. */
export async function secretValues(
  context: Pick<EngineContext, 'database' | 'secrets'>,
  release: Pick<ReleaseRecord, 'environment' | 'secrets' | 'id'>,
): Promise<Record<string, string>> {
  const values: Record<string, string> = {}
  for (const [name, version] of Object.entries(release.secrets)) {
    const stored = await findSecretVersion(context.database, release.environment, name, version)
    if (stored?.ciphertext == null) {
      throw new SluiceError(
        'UNEXPECTED',
        `version ${version} of the secret ${name} is missing for release ${release.id}`,
      )
    }
    values[name] = context.secrets.open(stored.ciphertext, secretContext(release.environment, name))
  }
  return values
}

export function secretContext(environment: string, name: string): string {
  return `${environment}/${name}`
}
