import type { Actor } from '../model/actor.ts'
import { SluiceError } from '../model/error.ts'
import { ensureEnvironment } from '../store/environments.ts'
import { insertSecret, listNewestSecrets } from '../store/secrets.ts'
import type { EngineContext } from './context.ts'
import type { Secrets } from './engine.ts'
import { resolveEnvironment } from './resolve-environment.ts'
import { secretContext } from './secret-values.ts'

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/

/** Values are encrypted before they reach the database; old versions stay, so that a rollback restores them. */
export function secretsOf(context: EngineContext): Secrets {
  return {
    set: async (actor, environment, name, value) => {
      if (!NAME.test(name)) {
        throw new SluiceError('USAGE', `${name} is no name for an environment variable`, {
          hint: 'letters, digits and underscores, not beginning with a digit',
        })
      }
      if (name === 'PORT' || name.startsWith('SLUICE_')) {
        throw new SluiceError('USAGE', `${name} is set by Sluice: no secret can have this name`, {
          hint: 'choose another name',
        })
      }
      const { key } = await ensureEnvironment(context.database, await keyOf(context, environment))
      const sealed = context.secrets.seal(value, secretContext(key, name))
      const stored = await insertSecret(context.database, key, name, sealed)
      await tell(context, 'secret.set', key, { name, version: stored.version, actor })
      return { name, version: stored.version, updatedAt: stored.createdAt.toISOString() }
    },
    list: async (environment) => {
      const stored = await listNewestSecrets(context.database, await keyOf(context, environment))
      return stored
        .filter((secret) => secret.ciphertext !== null)
        .map(({ name, version, createdAt }) => ({ name, version, updatedAt: createdAt.toISOString() }))
    },
    remove: async (actor, environment, name) => {
      const key = await keyOf(context, environment)
      const stored = await listNewestSecrets(context.database, key)
      if (!stored.some((secret) => secret.name === name && secret.ciphertext !== null)) {
        throw new SluiceError('NOT_FOUND', `there is no secret ${name} in ${key}`, { hint: 'see `sluice secret list`' })
      }
      const { version } = await insertSecret(context.database, key, name, null)
      await tell(context, 'secret.removed', key, { name, version, actor })
    },
  }
}

/** Who changed what, and never a value. */
async function tell(
  context: EngineContext,
  type: 'secret.set' | 'secret.removed',
  environment: string,
  data: { readonly name: string; readonly version: number; readonly actor: Actor },
): Promise<void> {
  await context.events.append({ type, environment, activity: null, data: { ...data } })
}

/** A whole key may name an environment that is not there yet: secrets come before the first deployment. */
async function keyOf(context: EngineContext, wanted: string): Promise<string> {
  return /.\../.test(wanted) ? wanted : (await resolveEnvironment(context, wanted)).key
}
