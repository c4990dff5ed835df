import { basename } from 'node:path'
import { loadConfig } from '../config/load.ts'
import { resolveConfig } from '../config/resolve.ts'
import type { ResolvedConfig } from '../config/resolved.ts'
import type { Context } from './command.ts'

const CONFIG_MS = 10_000

export interface LoadedProject {
  readonly projectDir: string
  readonly file: string
  readonly document: unknown
}

export async function loadProject(context: Context, environment?: string): Promise<LoadedProject> {
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
  return { config: resolveConfig(document, environment, { projectDir, file: basename(file) }), projectDir }
}

/** The key of an environment that may not exist yet: of this folder's project, where it is not given. */
export async function environmentKeyOf(context: Context, named: string): Promise<string> {
  if (named.includes('.')) return named
  const { document } = await loadProject(context, named)
  const { project } = document as { readonly project?: unknown }
  return typeof project === 'string' ? `${project}.${named}` : named
}
