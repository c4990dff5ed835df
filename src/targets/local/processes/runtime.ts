import type { RunUser } from '../instances/launch-command.ts'

/**
 * Runs copies of a service on this machine. The process runtime is the only one yet; containers come behind the
 * same seven members. Everything is found again from disk and the process table, nothing from memory.
 */
export interface Runtime {
  readonly capabilities: RuntimeCapabilities
  /**
   * Starts, adopts what already runs under this id, or starts a dead one anew (keeping its log). Resolves as soon as
   * the process exists. Throws `ARTIFACT_MISSING`, `DISK_FULL`, `INSTANCE_CRASHED`.
   */
  start(spec: RunSpec): Promise<RunState>
  /** Everything this runtime ever started and that was not removed, dead or alive; or those of which the log is kept. */
  list(options?: { readonly removed?: boolean }): Promise<readonly RunState[]>
  /** Null: never started, or removed. */
  inspect(id: string): Promise<RunState | null>
  /** SIGTERM, grace, SIGKILL to the whole group; then removes the record. Idempotent. */
  stop(id: string, options: { readonly graceMs: number; readonly keepLog: boolean }): Promise<void>
  /** Calls back as soon as a process started by this very object ends; adopted ones are seen by `inspect`. */
  onExit(listener: (id: string) => void): () => void
  /** To be called about once per second: keeps logs, and memory where nothing else does, within limits. */
  tidy(): Promise<void>
}

export interface RuntimeCapabilities {
  readonly name: string
  readonly memoryLimit: boolean
  readonly cpuLimit: boolean
  /** Why a limit is not available, for `doctor` and the release record. */
  readonly limitsNote: string | null
}

export interface RunSpec {
  /** Unique over all environments. */
  readonly id: string
  readonly environment: string
  readonly release: string
  readonly service: string
  readonly index: number
  /** Run in the user's shell. */
  readonly command: string
  readonly cwd: string
  /** The whole environment; never written to disk. */
  readonly env: Readonly<Record<string, string>>
  /** Absent for workers. */
  readonly port?: number
  readonly limits: { readonly memoryBytes?: number; readonly cpus?: number }
  /** Absent: as ourselves. Only root can ask for another one. */
  readonly user?: RunUser
}

export interface RunState {
  readonly id: string
  readonly environment: string
  readonly release: string
  readonly service: string
  readonly index: number
  readonly port?: number
  readonly alive: boolean
  /** Of the user's program, once it is known. */
  readonly pid: number
  readonly startedAt: string
  /** Times it was started again under this id. */
  readonly restarts: number
  /** Code null: it ended without one (the machine went down, or it was killed with all its group). */
  readonly exit?: { readonly code: number | null; readonly at: string }
  readonly logFile: string
}
