import type { ClusterAddress } from './connection.ts'

/** One PostgreSQL server on this machine. It runs on when the process that started it ends. */
export interface Cluster {
  /**
   * Initialises an empty directory, adopts a server that runs on it, else starts one; resolves when it answers.
   * Throws `POSTGRES_UNAVAILABLE`, `HOME_NOT_WRITABLE`, `HOME_FOREIGN`, `NO_PORT`, `DISK_FULL`, `DEADLINE_EXCEEDED`.
   */
  start(options: { readonly signal: AbortSignal; readonly deadlineMs: number }): Promise<ClusterAddress>
  /** Address of the superuser's database; throws `STATE_CONFLICT` before the first `start`. */
  address(): ClusterAddress
  /** Address of the superuser's database where a server lives on the folder already; null: none does. Starts nothing. */
  find(): Promise<ClusterAddress | null>
  /** The server's process id while it lives, seen from the process table; null when it does not. */
  pid(): number | null
  /** Makes role and database when absent, sets password and owner. The database belongs to the role, a plain one. */
  ensureDatabase(wanted: WantedDatabase): Promise<ClusterAddress>
  /** Looks each second and starts the server again when it is gone. */
  watch(onEvent: (event: ClusterEvent) => void): ClusterWatch
  /** 'fast' cuts connections and writes everything down. Ends watching. Nothing happens when nothing runs. */
  stop(options: { readonly mode: 'fast' | 'smart' | 'immediate'; readonly deadlineMs: number }): Promise<void>
}

export interface WantedDatabase {
  readonly database: string
  readonly role: string
  readonly password: string
}

export type ClusterEvent =
  | { readonly type: 'exited'; readonly pid: number }
  | { readonly type: 'restarted'; readonly pid: number; readonly address: ClusterAddress }
  | { readonly type: 'restart-failed'; readonly error: unknown; readonly retryMs: number }

export interface ClusterWatch {
  /** Stops watching; the server runs on. */
  close(): Promise<void>
}
