import type { UrlNaming } from '../postgres/database-url.ts'
import type { Log } from '../support/log.ts'
import type { DatabaseHost, HostCallOptions } from './database-host.ts'
import { embeddedHost } from './embedded/embedded-host.ts'
import { urlHost } from './url/url-host.ts'

/** A server that a release names; its secret, if it is one, resolved. */
export type GivenServer = { readonly url: string } & UrlNaming

export interface DatabaseHosts {
  /** Who has the database of a release; without a given server we run one for its environment. */
  hostOf(given: GivenServer | null): DatabaseHost
  /** What must not be seen of our own databases' addresses; those of given servers stand in releases and secrets. */
  credentials(environment: string): Promise<readonly string[]>
  /** Ends what runs for an environment, whatever its releases ask for today. */
  stop(environment: string, options: Pick<HostCallOptions, 'deadlineMs'>): Promise<void>
}

/** The one place that chooses between the hosts. `directory`: where our own clusters lie, a folder per environment. */
export function databaseHosts(options: { readonly directory: string; readonly log: Log }): DatabaseHosts {
  const own = embeddedHost(options)
  return {
    hostOf: (given) => (given === null ? own : urlHost(given)),
    credentials: (environment) => own.credentials(environment),
    stop: async (environment, stopOptions) => own.stop?.(environment, stopOptions),
  }
}
