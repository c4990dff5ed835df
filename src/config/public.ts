import type { Config } from './document.ts'

export type * from './document.ts'

/** What a configuration function is told. */
export interface ConfigContext {
  /** The environment asked for; undefined where a command concerns all of them. */
  readonly environment: string | undefined
}

/** A configuration, a promise of one, or a function that gives either. */
export type ConfigSource<Service extends string = string> =
  | Config<Service>
  | Promise<Config<Service>>
  | ((context: ConfigContext) => Config<Service> | Promise<Config<Service>>)

/**
 * Gives `sluice.config.ts` types and completion; returns what it is given.
 *
 * @example
 * export default defineConfig({
 *   project: 'shop',
 *   services: { web: { start: 'node server.js', health: '/health' } },
 *   environments: { production: { strategy: 'canary' } },
 * })
 */
export function defineConfig<Service extends string>(config: ConfigSource<Service>): ConfigSource<Service> {
  return config
}
