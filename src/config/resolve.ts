import { SluiceError } from '../model/error.ts'
import type { ReleaseDatabase } from '../model/release.ts'
import type { ResolvedConfig } from '../model/resolved-config.ts'
import { nearest } from '../support/nearest.ts'
import { mergeDatabase, mergeEdge, mergeService, strategyBlock } from './merge.ts'
import { resolveEdge } from './resolve/edge.ts'
import { resolveBuild, resolveService, textVariables } from './resolve/service.ts'
import { resolveStrategy } from './resolve/strategy.ts'
import { resolveTarget } from './resolve/target.ts'
import type { ConfigDocument, DatabaseDocument, EnvironmentDocument } from './schema.ts'
import { durationMs, sizeBytes } from './units.ts'
import { validateConfig } from './validate.ts'

export interface ResolveOptions {
  /** Folder of the configuration file: certificates and `build.node` are named from there. */
  readonly projectDir?: string
  /** Named in messages. */
  readonly file?: string
}

/**
 * One environment's configuration, every default filled in. Throws `CONFIG_INVALID` with all problems of the document,
 * or `ENVIRONMENT_UNKNOWN` with the nearest name.
 */
export function resolveConfig(document: unknown, environment: string, options: ResolveOptions = {}): ResolvedConfig {
  const config = validateConfig(document, options.file)
  const settings = environmentNamed(config, environment)
  const projectDir = options.projectDir ?? null
  const services = Object.entries(config.services).map(([name, service]) => {
    const overrides = settings.services?.[name]
    return {
      name,
      merged: mergeService(service, overrides),
      env: [config.env, service.env, settings.env, overrides?.env],
    }
  })
  const edge = mergeEdge(config, settings)
  return {
    project: config.project,
    environment,
    target: resolveTarget(settings.target, resolveEdge(edge, projectDir)),
    strategy: resolveStrategy(strategyBlock(settings)),
    services: services.map(({ name, merged, env }) => resolveService(name, merged, env)),
    build: {
      services: services.map(({ name, merged }) => resolveBuild(name, merged, projectDir)),
      env: textVariables(config.build?.env),
      timeoutMs: durationMs(config.build?.timeout ?? '15m'),
      maxBytes: sizeBytes(config.build?.maxSize ?? '1GB'),
    },
    database: databaseOf(mergeDatabase(config, settings)),
    ...(edge.implementation === undefined ? {} : { edgeImplementation: edge.implementation }),
    stickiness: settings.stickiness ?? config.stickiness ?? true,
    requireClean: settings.requireClean ?? environment === 'production',
    keepReleases: settings.keepReleases ?? config.keepReleases ?? 10,
    keepAssetsOfReleases: edge.keepAssets ?? 3,
  }
}

function environmentNamed({ environments }: ConfigDocument, name: string): EnvironmentDocument {
  const found = Object.hasOwn(environments, name) ? environments[name] : undefined
  if (found !== undefined) return found
  throw unknownEnvironment(name, Object.keys(environments))
}

export function unknownEnvironment(name: string, known: readonly string[], file = 'the configuration'): SluiceError {
  const guess = nearest(name, known)
  return new SluiceError('ENVIRONMENT_UNKNOWN', `${file} has no environment ${name}`, {
    hint: `${guess === null ? '' : `did you mean ${guess}? `}it has: ${known.join(', ')}`,
    details: { environments: known },
  })
}

function databaseOf(database: DatabaseDocument | null): ReleaseDatabase | null {
  if (database === null) return null
  const { engine = 'postgres', url, release } = database
  return { engine, ...(url === undefined ? {} : { url }), ...(release === undefined ? {} : { release }) }
}
