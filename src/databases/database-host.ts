/** Whoever runs the database of an environment. Every call is set-to: asked twice, it changes nothing. */
export interface DatabaseHost {
  readonly capabilities: DatabaseCapabilities
  /**
   * Makes, starts or adopts the environment's database; resolves with what an application is given as `DATABASE_URL`.
   * Throws what a server that does not start throws (`POSTGRES_UNAVAILABLE`, `DISK_FULL`, …), or `DATABASE_URL_INVALID`.
   */
  ensure(environment: string, options: HostCallOptions): Promise<DatabaseAddress>
  /** What is there now. Makes and starts nothing. */
  inspect(environment: string, options: HostCallOptions): Promise<DatabaseState>
  /** What must not be seen of its addresses, in any text. */
  credentials(environment: string): Promise<readonly string[]>
  /** Ends the servers of the environment, its data stays; absent: they are not ours to stop. */
  stop?(environment: string, options: Pick<HostCallOptions, 'deadlineMs'>): Promise<void>
}

export interface HostCallOptions {
  readonly signal: AbortSignal
  readonly deadlineMs: number
}

/** What can be promised of data here; no other file knows a host by its name. */
export interface DatabaseCapabilities {
  /** Brought back to any second of the time that backups cover. */
  readonly pitr: boolean
  /** Its files can be copied and opened by another server. */
  readonly physical: boolean
  /** A copy for tests without copying the data. */
  readonly branch: boolean
  /** Longest time of commits that the loss of the server can cost; null: there is no bound that we know. */
  readonly worstRpoSeconds: number | null
}

export interface DatabaseAddress {
  /** `postgres://…`; holds the password. */
  readonly url: string
}

export interface DatabaseState {
  readonly answers: boolean
  /** Why it does not answer; never with a password. */
  readonly problem: string | null
  /** Such as `18.4`; null while it does not answer. */
  readonly serverVersion: string | null
  readonly sizeBytes: number | null
  /** Which of its clusters serves; null: the host keeps none, or there is none yet. */
  readonly generation: number | null
}
