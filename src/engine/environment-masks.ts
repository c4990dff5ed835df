import type { DatabaseHosts } from '../databases/database-hosts.ts'
import { isSluiceError, SluiceError } from '../model/error.ts'
import type { ReleaseRecord } from '../model/release.ts'
import { credentialsIn, maskCredentials, passwordsIn } from '../secrets/credentials.ts'
import { type Mask, masker } from '../secrets/mask.ts'
import { countReleases, listReleaseRecords } from '../store/releases.ts'
import { countSecretVersions, listSecretVersions } from '../store/secrets.ts'
import { type SecretSource, secretContext } from './secret-values.ts'

/** Hides what an environment's programs were given and nobody may read, in logs, output and errors. */
export interface EnvironmentMasks {
  /**
   * Of every version of every secret and of every release: older ones still run, and their logs stay. `more`: of a
   * configuration that is no release yet.
   */
  of(environment: string, more?: readonly string[]): Promise<Mask>
}

export function environmentMasks(context: SecretSource, hosts: Pick<DatabaseHosts, 'credentials'>): EnvironmentMasks {
  const known = new Map<string, { readonly revision: string; readonly values: readonly string[] }>()

  const valuesOf = async (environment: string): Promise<readonly string[]> => {
    const revision = await revisionOf(context, environment)
    const kept = known.get(environment)
    if (kept?.revision === revision) return kept.values
    const records = await listReleaseRecords(context.database, environment)
    const values = [...(await secretsOf(context, environment)), ...records.flatMap(credentialsOf)]
    known.set(environment, { revision, values })
    return values
  }
  return {
    of: async (environment, more = []) =>
      masker([...(await valuesOf(environment)), ...(await hosts.credentials(environment)), ...more]),
  }
}

/** An error of which no text shows what the mask hides, nor anything else that looks like a credential. */
export function maskedError(error: unknown, mask: Mask): unknown {
  if (!isSluiceError(error)) return error
  const { code, message, hint, problems, details, cause } = error
  const seen = (text: string) => maskCredentials(mask(text))
  return new SluiceError(code, seen(message), {
    ...(hint === undefined ? {} : { hint: seen(hint) }),
    problems: maskedValue(problems, seen) as typeof problems,
    details: maskedValue(details, seen) as typeof details,
    cause,
  })
}

function maskedValue(value: unknown, mask: Mask): unknown {
  if (typeof value === 'string') return mask(value)
  if (Array.isArray(value)) return value.map((element) => maskedValue(element, mask))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, child]) => [name, maskedValue(child, mask)]))
}

/** Neither is ever taken away, so that counts tell of every change. */
async function revisionOf({ database }: Pick<SecretSource, 'database'>, environment: string): Promise<string> {
  const counts = [countSecretVersions(database, environment), countReleases(database, environment)]
  return (await Promise.all(counts)).join(' ')
}

function credentialsOf({ services, database }: ReleaseRecord): readonly string[] {
  const commands = [...services.map(({ start = '' }) => start), database?.release ?? '']
  const url = typeof database?.url === 'string' ? [database.url, ...passwordsIn(database.url)] : []
  return [...services.flatMap(({ env }) => credentialsIn(env)), ...commands.flatMap(passwordsIn), ...url]
}

async function secretsOf({ database, secrets }: SecretSource, environment: string): Promise<readonly string[]> {
  const stored = await listSecretVersions(database, environment)
  return stored.flatMap(({ name, ciphertext }) => {
    if (ciphertext === null) return []
    try {
      const value = secrets.open(ciphertext, secretContext(environment, name))
      return [value, ...passwordsIn(value)]
    } catch {
      return [] // under another key file: no process of ours was given it
    }
  })
}
