/**
 * The immutable record of what runs: artifact, resolved configuration, secret versions, routes and health settings.
 * Switched, kept and restored as one.
 */
export interface ReleaseRecord {
  /** `r1`, `r2`, … over the whole installation. */
  readonly id: string
  /** Key of the environment, `<project>.<environment>`. */
  readonly environment: string
  readonly project: string
  /** SHA-256 of the artifact's manifest. */
  readonly artifact: string
  readonly source: ReleaseSource
  readonly services: readonly ReleaseService[]
  readonly target: ReleaseTarget
  readonly stickiness: boolean
  /** Names and versions only; values are resolved when an instance starts. */
  readonly secrets: Readonly<Record<string, number>>
  readonly database: ReleaseDatabase | null
  /** Versions of the database's schema that it works with; null: nothing is known of them. */
  readonly schema: SchemaRange | null
  /** Releases of the environment that are kept for rollback, as it was configured with this one; absent in old records. */
  readonly keepReleases?: number
  /** Releases before this one whose immutable assets stay served, for tabs that are still open. */
  readonly keepAssetsOfReleases: number
  readonly createdAt: string
}

/** Both inclusive. */
export interface SchemaRange {
  readonly min: number
  readonly max: number
}

/** True where one database can serve both, and where nothing is known that forbids it. */
export function canShareSchema(one: SchemaRange | null, other: SchemaRange | null): boolean {
  return one === null || other === null || (one.min <= other.max && other.min <= one.max)
}

/** Where a release runs, and what was decided for that place: its own business, plain JSON. */
export interface ReleaseTarget {
  readonly name: string
  readonly settings: Readonly<Record<string, unknown>>
}

export interface ReleaseSource {
  readonly kind: 'git' | 'directory'
  readonly commit: string | null
  readonly dirty: boolean
  readonly branch: string | null
  readonly subject: string | null
}

export interface ReleaseDatabase {
  readonly engine: 'postgres'
  /** A given server, literally or by the secret that holds it; absent: the environment's own embedded cluster. */
  readonly url?: string | SecretReference
  /** Command run once before launch, in the user's shell, in the artifact's directory. */
  readonly release?: string
}

/** A value of the environment's secrets, of the version that the release was made with. */
export interface SecretReference {
  readonly secret: string
}

export const serviceKinds = ['web', 'worker', 'static', 'job'] as const
export type ServiceKind = (typeof serviceKinds)[number]

/** A service with every default filled in. Times in milliseconds, sizes in bytes. */
export interface ReleaseService {
  readonly name: string
  readonly kind: ServiceKind
  /** Directory inside the artifact that commands run in; '' is its root. */
  readonly directory: string
  /** Run in the user's shell; absent for `static`. */
  readonly start?: string
  readonly instances: number
  /** Whom its programs run as, where we are root: a name, a number, or `uid:gid`. Absent: as ourselves. */
  readonly user?: string
  readonly env: Readonly<Record<string, string>>
  readonly routes: readonly Route[]
  readonly health: HealthSettings
  readonly drainMs: number
  readonly stopGraceMs: number
  /** `static`: folder inside the artifact that is served. */
  readonly root?: string
  /** `static`: file served for unknown paths (single-page applications). */
  readonly fallback?: string
  /** Immutable files that the edge serves itself and keeps for the last K releases. */
  readonly assets?: { readonly path: string; readonly directory: string }
  /** `worker`: when the new release's workers start. */
  readonly startWorkers?: 'before-shift' | 'after-promotion'
  readonly limits: { readonly memoryBytes?: number; readonly cpus?: number }
  readonly schedule?: string
}

export interface Route {
  /** Lower case, without port; absent: any host. */
  readonly host?: string
  /** Prefix, matched by whole path segments; '/' matches all. */
  readonly path: string
}

export interface HealthSettings {
  /** GET this path, 2xx or 3xx is healthy; null: a TCP connection is enough. */
  readonly path: string | null
  readonly intervalMs: number
  readonly timeoutMs: number
  readonly passes: number
  readonly failures: number
  /** Time a new instance has to become ready. */
  readonly readyMs: number
}
