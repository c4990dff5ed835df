import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { findConfigFile } from '../config/find-file.ts'
import { SluiceError } from '../model/error.ts'
import type { ResolvedConfig } from '../model/resolved-config.ts'
import type { Context } from './command.ts'

const CONFIG_MS = 10_000

export interface LoadedProject {
  readonly projectDir: string
  readonly file: string
  readonly document: unknown
}

export async function loadProject(context: Context, environment?: string): Promise<LoadedProject> {
  // The schema takes longer to load than a rollback may take: only who reads a configuration waits for it.
  const { loadConfig } = await import('../config/load.ts')
  const { document, file, projectDir, printed } = await loadConfig({
    cwd: context.cwd,
    deadlineMs: CONFIG_MS,
    signal: context.interrupted,
    ...(context.configFile === undefined ? {} : { file: context.configFile }),
    ...(environment === undefined ? {} : { environment }),
  })
  if (printed !== '') context.say(printed.trimEnd())
  return { document, file, projectDir }
}

/** The configuration of one environment, named as users name it: `production` or `social.production`. */
export async function resolveProject(
  context: Context,
  named: string,
): Promise<{ readonly config: ResolvedConfig; readonly projectDir: string }> {
  const environment = named.slice(named.lastIndexOf('.') + 1)
  const { document, file, projectDir } = await loadProject(context, environment)
  const { resolveConfig } = await import('../config/resolve.ts')
  const config = resolveConfig(document, environment, { projectDir, file: basename(file) })
  const key = `${config.project}.${environment}`
  if (named !== environment && named !== key) {
    throw new SluiceError('ENVIRONMENT_UNKNOWN', `${basename(file)} is of ${config.project}: it has no ${named}`, {
      hint: `did you mean ${key}? Another project is deployed from its own folder, or with --config`,
    })
  }
  return { config, projectDir }
}

/** The key of an environment that may not exist yet: of this folder's project, where it is not given. */
export async function environmentKeyOf(context: Context, named: string): Promise<string> {
  if (named.includes('.')) return named
  const { document, file } = await loadProject(context, named)
  const { project, environments } = Object(document) as { readonly project?: unknown; readonly environments?: object }
  if (environments !== undefined && !Object.hasOwn(Object(environments), named)) {
    const { unknownEnvironment } = await import('../config/resolve.ts')
    throw unknownEnvironment(named, Object.keys(Object(environments)), basename(file))
  }
  return typeof project === 'string' ? `${project}.${named}` : named
}

/**
 * Runs a call for an environment that exists. Where several projects have one of this name, the one of this folder's
 * project is meant; a configuration that cannot be read is no reason to refuse, since a rollback never is.
 */
export async function forEnvironment<T>(
  context: Context,
  named: string,
  call: (name: string) => Promise<T>,
): Promise<T> {
  try {
    return await call(named)
  } catch (error) {
    if (!(error instanceof SluiceError) || error.code !== 'ENVIRONMENT_UNKNOWN' || named.includes('.')) throw error
    const key = await environmentKeyOf(context, named).catch(() => named)
    if (key === named) throw error
    return call(key).catch((second: unknown) => {
      throw second instanceof SluiceError && second.code === 'ENVIRONMENT_UNKNOWN' ? error : second
    })
  }
}

/**
 * Changes an environment that exists. A short name means one of this folder's project, if there is a project here, and
 * never silently another project's. What is asked first costs nothing: a rollback has no time for a configuration.
 */
export async function forOwnEnvironment<T>(
  context: Context,
  named: string,
  keyOf: (name: string) => Promise<string>,
  call: (name: string) => Promise<T>,
): Promise<T> {
  const file = named.includes('.') ? null : await configFileOf(context)
  if (file === null) return forEnvironment(context, named, call)
  const written = await writtenProject(file)
  if (written !== null) {
    try {
      return await call(`${written}.${named}`)
    } catch (error) {
      if (!(error instanceof SluiceError) || error.code !== 'ENVIRONMENT_UNKNOWN') throw error
    }
  }
  await assertOfThisFolder(context, named, file, keyOf)
  return forEnvironment(context, named, call)
}

function configFileOf({ cwd, configFile }: Context): Promise<string | null> {
  return findConfigFile({ cwd, ...(configFile === undefined ? {} : { file: configFile }) }).catch(() => null)
}

/** The project that a configuration names in so many words; null where it is said twice, or is computed. */
async function writtenProject(file: string): Promise<string | null> {
  const text = await readFile(file, 'utf8').catch(() => '')
  const found = [...text.matchAll(/\bproject['"]?\s*:\s*(['"]?)([\w.-]+)\1/g)]
  return found.length === 1 ? (found[0]?.[2] ?? null) : null
}

/** What cannot be read says nothing against it: a rollback is never refused for a configuration. */
async function assertOfThisFolder(
  context: Context,
  named: string,
  file: string,
  keyOf: (name: string) => Promise<string>,
): Promise<void> {
  const key = await keyOf(named).catch(() => null)
  const loaded = key === null ? null : await loadProject(context).catch(() => null)
  const ours = Object(loaded?.document).project as unknown
  if (key === null || typeof ours !== 'string' || key.slice(0, key.lastIndexOf('.')) === ours) return
  throw new SluiceError('ENVIRONMENT_UNKNOWN', `${basename(file)} is of ${ours}, which has no ${named} here yet`, {
    hint: `${key} is another project's: name it so if you mean it`,
  })
}
