import type {
  ConfigDocument,
  DatabaseDocument,
  EdgeDocument,
  EnvironmentDocument,
  ServiceDocument,
  ServiceOverridesDocument,
} from './schema.ts'

type BuildBlock = Exclude<ServiceDocument['build'], string | undefined>
type HealthBlock = Exclude<ServiceDocument['health'], string | undefined>

/** A service with its short forms written out: `build` and `health` are objects. */
export type MergedService = Omit<ServiceDocument, 'build' | 'health'> & {
  readonly build: BuildBlock
  readonly health: HealthBlock
}

/** What an environment says wins; blocks are merged key by key, lists are replaced. */
export function mergeService(service: ServiceDocument, overrides: ServiceOverridesDocument = {}): MergedService {
  return {
    ...service,
    ...overrides,
    build: { ...buildBlock(service.build), ...buildBlock(overrides.build) },
    health: { ...healthBlock(service.health), ...healthBlock(overrides.health) },
    ...mergedBlock('env', service.env, overrides.env),
    ...mergedBlock('limits', service.limits, overrides.limits),
  }
}

export function mergeEdge(document: Partial<ConfigDocument>, environment: EnvironmentDocument): EdgeDocument {
  const own: EdgeDocument =
    typeof document.edge === 'string' ? { implementation: document.edge } : (document.edge ?? {})
  return { ...own, ...environment.edge, ...mergedBlock('limits', own.limits, environment.edge?.limits) }
}

export function mergeDatabase(
  document: Partial<ConfigDocument>,
  environment: EnvironmentDocument,
): DatabaseDocument | null {
  if (document.database === undefined && environment.database === undefined) return null
  return { ...document.database, ...environment.database }
}

export function strategyBlock(environment: EnvironmentDocument) {
  const { strategy = 'rolling' } = environment
  return typeof strategy === 'string' ? { name: strategy } : strategy
}

function buildBlock(build: ServiceDocument['build']): BuildBlock {
  return typeof build === 'string' ? { command: build } : (build ?? {})
}

function healthBlock(health: ServiceDocument['health']): HealthBlock {
  return typeof health === 'string' ? { path: health } : (health ?? {})
}

function mergedBlock<K extends string, T extends object>(name: K, base: T | undefined, over: T | undefined) {
  if (base === undefined && over === undefined) return {} as { readonly [key in K]?: T }
  return { [name]: { ...base, ...over } } as { readonly [key in K]?: T }
}
