/** What users write, as types. `schema/` checks the same at run time; a test keeps the two together. */

/** `'90s'`, `'10m'`, `'48h'`, `'1h30m'`; units are ms, s, m, h and d. */
export type Duration = string
/** `'512MB'`, `'64kB'`, `'2GiB'`; kB, MB and GB are powers of 1000, KiB, MiB and GiB of 1024. */
export type Size = string
/** `0.25` or `'25%'`. */
export type Share = number | `${number}%`
export type EnvironmentVariables = Readonly<Record<string, string | number | boolean>>

/** The whole of `sluice.config.ts`. */
export interface Config<Service extends string = string> {
  /** Where editors find the JSON schema; Sluice ignores it. */
  readonly $schema?: string
  /** Name of the project: lower-case letters, digits and hyphens. */
  readonly project: string
  /** The parts of the project; together they form one release. */
  readonly services: Readonly<Record<Service, ServiceConfig>>
  /** Where the project runs, by name. */
  readonly environments: Readonly<Record<string, EnvironmentConfig<NoInfer<Service>>>>
  /** Environment variables of all services. */
  readonly env?: EnvironmentVariables
  /** What holds for the build as a whole. */
  readonly build?: BuildSettingsConfig
  /** A database per environment, injected as `DATABASE_URL`. */
  readonly database?: DatabaseConfig
  /** The router in front of the services, or just its implementation. */
  readonly edge?: EdgeImplementation | EdgeConfig
  /** A visitor stays with one release, by cookie. Default: true. */
  readonly stickiness?: boolean
  /** Releases kept for rollback. Default: 10. */
  readonly keepReleases?: number
}

export type ServiceConfig = WebConfig | WorkerConfig | StaticConfig | JobConfig

interface CommonServiceConfig {
  /** Folder of the service inside the project. Default: the project's own. */
  readonly directory?: string
  /** Build command, or a description of the build. Default: packages are installed, the source is the output. */
  readonly build?: string | BuildConfig
  /** Environment variables of this service. */
  readonly env?: EnvironmentVariables
}

interface RunningServiceConfig extends CommonServiceConfig {
  /** Command that starts one instance, in the user's shell. */
  readonly start: string
  /** Number of instances. Default: 2 for web, 1 for worker. */
  readonly instances?: number
  /** User that the instances run as, by name, number or `uid:gid`. Needs a control plane of root. Default: its own. */
  readonly user?: string
  /** Longest wait for requests under way before an old instance is stopped. Default: 30s. */
  readonly drain?: Duration
  /**
   * Time between SIGTERM and SIGKILL, in which the application ends its WebSockets and event streams; what is open after
   * it is cut. Default: 10s.
   */
  readonly stopGrace?: Duration
  /** Limits of one instance, where systemd can enforce them. */
  readonly limits?: LimitsConfig
}

/** Serves HTTP, WebSocket and Server-Sent Events on the port in `PORT`. */
export interface WebConfig extends RunningServiceConfig {
  readonly kind?: 'web'
  /** Path that answers 2xx or 3xx when an instance can serve, or details. Default: it accepts connections. */
  readonly health?: string | HealthConfig
  /** Hosts and path prefixes; `[]`: only other services reach it. Default: any host, path `/`. */
  readonly routes?: readonly RouteConfig[]
  /** Immutable files that the edge serves itself, also those of earlier releases. */
  readonly assets?: AssetsConfig
}

/** Runs without traffic: queues, schedulers. */
export interface WorkerConfig extends RunningServiceConfig {
  readonly kind: 'worker'
  /** When the workers of a new release start. Default: after-promotion. */
  readonly startWorkers?: 'before-shift' | 'after-promotion'
}

/** Files only, served by the edge. */
export interface StaticConfig extends CommonServiceConfig {
  readonly kind: 'static'
  /** Folder that is served. Default: the one folder that `build.output` names. */
  readonly root?: string
  /** File served for unknown paths, for single-page applications. */
  readonly fallback?: string
  /** Hosts and path prefixes. Default: any host, path `/`. */
  readonly routes?: readonly RouteConfig[]
  /** Immutable files that stay served for earlier releases. */
  readonly assets?: AssetsConfig
}

/** Runs by the clock. Checked and recorded; nothing runs it yet. */
export interface JobConfig extends CommonServiceConfig {
  readonly kind: 'job'
  readonly start: string
  /** Five cron fields, in UTC. */
  readonly schedule: string
  /** Time between SIGTERM and SIGKILL. Default: 10s. */
  readonly stopGrace?: Duration
  readonly limits?: LimitsConfig
}

export interface BuildConfig {
  /** Build command, in the user's shell. Default: none. */
  readonly command?: string
  /** Files and folders that make the artifact; `!path` leaves one out. Default: the whole source. */
  readonly output?: readonly string[]
  /** `auto`: by lock file; `none`; or a command. Default: auto. */
  readonly install?: string
  /** Folder with the `node` that builds. Default: the one that runs Sluice. */
  readonly node?: string
}

export interface BuildSettingsConfig {
  /** The only variables of yours that build commands see. */
  readonly env?: EnvironmentVariables
  /** Longest build. Default: 15m. */
  readonly timeout?: Duration
  /** Largest artifact. Default: 1GB. */
  readonly maxSize?: Size
}

export interface HealthConfig {
  /** Path that answers 2xx or 3xx. Default: none, a connection is enough. */
  readonly path?: string
  /** Time between probes. Default: 1s. */
  readonly interval?: Duration
  /** Longest wait for an answer. Default: 2s. */
  readonly timeout?: Duration
  /** Good answers in a row until an instance is ready. Default: 2. */
  readonly passes?: number
  /** Bad answers in a row until it is not. Default: 3. */
  readonly failures?: number
  /** Longest wait for a new instance to become ready. Default: 60s. */
  readonly ready?: Duration
}

export interface RouteConfig {
  /** Host name without port. Default: any. */
  readonly host?: string
  /** Prefix, matched by whole segments. Default: `/`. */
  readonly path?: string
}

export interface AssetsConfig {
  /** URL prefix, such as `/_app/immutable`. */
  readonly path: string
  /** Folder in the build output. */
  readonly directory: string
}

export interface LimitsConfig {
  readonly memory?: Size
  /** Processor cores, such as 0.5 or 2. */
  readonly cpus?: number
}

export interface DatabaseConfig {
  readonly engine?: 'postgres'
  /**
   * A server of your own: its URL, or the secret of the environment that holds it. Default: a PostgreSQL that Sluice runs
   * for the environment.
   */
  readonly url?: string | SecretReference
  /**
   * Command run once before the instances of a release start, in the user's shell. What ends the deployment meanwhile asks it
   * to stop (SIGTERM) and waits for up to a minute.
   */
  readonly release?: string
}

export interface SecretReference {
  /** Name of a secret of the environment, stored by `sluice secret set`. */
  readonly secret: string
}

export type EdgeImplementation = 'node' | 'haproxy'

export interface EdgeConfig extends EnvironmentEdgeConfig {
  /** Which router the installation runs; chosen when it is first started. Default: node. */
  readonly implementation?: EdgeImplementation
}

export interface EnvironmentEdgeConfig {
  /** Port for HTTP, `false` for none. Default: a free one from 8080, remembered. */
  readonly http?: number | false
  /** Port for HTTPS, `false` for none. Default: none. */
  readonly https?: number | false
  /** Send HTTP clients to HTTPS. Default: true where there are both. */
  readonly redirect?: boolean
  /** Files are read again when they change. */
  readonly certificates?: readonly CertificateConfig[]
  readonly limits?: EdgeLimitsConfig
  /** Releases whose immutable assets stay served. Default: 3. */
  readonly keepAssets?: number
}

export interface CertificateConfig {
  /** Host name, or a wildcard such as `*.example.com`. */
  readonly host: string
  /** PEM file with the certificate and its chain, relative to the project. */
  readonly cert: string
  /** PEM file with the private key, relative to the project. */
  readonly key: string
}

export interface EdgeLimitsConfig {
  /** Whole request head; 431 above. Default: 64kB. */
  readonly header?: Size
  /** Request body; 413 above, `0B`: no limit. Default: 100MB. */
  readonly body?: Size
  /** Time for the request head to arrive; 408 after. Default: 15s. */
  readonly headerTimeout?: Duration
  /** Longest silence in the middle of a request body; 408 after. Default: 30s. */
  readonly bodyIdle?: Duration
  /** Time to the first byte of the answer; 504 after, `0s`: no limit. Default: 60s. */
  readonly response?: Duration
  /** Idle connections of clients are closed after this. Default: 75s. */
  readonly keepAlive?: Duration
  /** Open client connections. Default: 10000. */
  readonly connections?: number
  /** Requests that may wait while no instance is ready; 503 above. Default: 1000. */
  readonly holdQueue?: number
  /** Longest wait of a held request; 503 after. Default: 15s. */
  readonly hold?: Duration
}

export interface EnvironmentConfig<Service extends string = string> {
  /** Default: local. */
  readonly target?: TargetName | TargetConfig
  /** How a new release takes over. Default: rolling. */
  readonly strategy?: StrategyName | StrategyConfig
  /** What differs for services here; merged over their own settings. */
  readonly services?: { readonly [name in Service]?: ServiceOverrides }
  /** Environment variables of all services here. */
  readonly env?: EnvironmentVariables
  readonly database?: DatabaseConfig
  readonly edge?: EnvironmentEdgeConfig
  readonly stickiness?: boolean
  readonly keepReleases?: number
  /** Refuse a working tree with changes. Default: true for an environment named production. */
  readonly requireClean?: boolean
}

export type TargetName = 'local'
export type TargetConfig = LocalTargetConfig

/** The machine of the control plane. */
export interface LocalTargetConfig {
  readonly name: 'local'
}

/** Everything of a service but its kind and its folder. */
export interface ServiceOverrides {
  readonly build?: string | BuildConfig
  readonly env?: EnvironmentVariables
  readonly start?: string
  readonly instances?: number
  readonly user?: string
  readonly drain?: Duration
  readonly stopGrace?: Duration
  readonly limits?: LimitsConfig
  readonly health?: string | HealthConfig
  readonly routes?: readonly RouteConfig[]
  readonly assets?: AssetsConfig
  readonly startWorkers?: 'before-shift' | 'after-promotion'
  readonly root?: string
  readonly fallback?: string
  readonly schedule?: string
}

export type StrategyName = 'rolling' | 'blue-green' | 'canary'
export type StrategyConfig = RollingConfig | BlueGreenConfig | CanaryConfig

interface CommonStrategyConfig {
  /** Paths asked of each new instance before any user; 2xx or 3xx passes. */
  readonly smoke?: readonly string[]
  /** Time at 100 % with the old fleet warm. Default: 10m for canary and blue-green, 0s for rolling. */
  readonly bake?: Duration
}

interface JudgedStrategyConfig extends CommonStrategyConfig {
  /** How much the judge risks and waits. Default: balanced. */
  readonly preset?: 'careful' | 'balanced' | 'fast'
  /** Shortest time before 100 %. Default: 5m (careful 15m, fast 2m). */
  readonly observe?: Duration
  /** Longest wait for evidence. Default: 30m (careful 60m, fast 10m). */
  readonly maxWait?: Duration
  /** What to do when a confirmation stays undecided. Default: ask. */
  readonly onInconclusive?: 'ask' | 'promote' | 'roll-back'
  /** Share of failing requests that always rolls back. Default: 1%. */
  readonly absoluteLimit?: Share
  /** Compare latency too. Default: true. */
  readonly latency?: boolean
  /** Slowdown that is accepted. Default: 19% (careful 9%). */
  readonly latencyTolerance?: Share
}

/** Instances are replaced in batches. */
export interface RollingConfig extends CommonStrategyConfig {
  readonly name: 'rolling'
  /** Share of instances replaced at once. Default: 25%. */
  readonly batch?: Share
  /** Extra instances allowed meanwhile. Default: 25%. */
  readonly surge?: Share
}

/** A whole second fleet, then the switch. */
export interface BlueGreenConfig extends JudgedStrategyConfig {
  readonly name: 'blue-green'
  /** All traffic at once, or by the judge's ramp. Default: at-once. */
  readonly switch?: 'at-once' | 'ramp'
}

/** A growing share of visitors, judged against the old release. */
export interface CanaryConfig extends JudgedStrategyConfig {
  readonly name: 'canary'
  /** Fixed steps in percent, rising. Default: the judge's ramp. */
  readonly steps?: readonly number[]
  /** Time at each fixed step. Default: 60s. */
  readonly stepTime?: Duration
}
