/**
 * Runs copies of a service on this machine. The process runtime is the only one yet; containers come behind the
 * same four members. Everything is found again from disk and the process table, nothing from memory.
 */
export interface Runtime {
  readonly capabilities: RuntimeCapabilities
  /** Starts, or adopts what already runs under this id. Resolves as soon as the process exists. */
  start(spec: RunSpec): Promise<RunState>
  /** Everything this runtime ever started below its folder and that was not removed, dead or alive. */
  list(): Promise<readonly RunState[]>
  /** SIGTERM, grace, SIGKILL to the whole group; then removes the record. Idempotent. */
  stop(id: string, options: { readonly graceMs: number; readonly keepLog: boolean }): Promise<void>
}

export interface RuntimeCapabilities {
  readonly name: string
  readonly memoryLimit: boolean
  readonly cpuLimit: boolean
  /** Why a limit is not available, for `doctor` and the release record. */
  readonly limitsNote: string | null
}

export interface RunSpec {
  readonly id: string
  readonly environment: string
  readonly release: string
  readonly service: string
  readonly index: number
  /** Run in the user's shell. */
  readonly command: string
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  /** Absent for workers. */
  readonly port?: number
  readonly limits: { readonly memoryBytes?: number; readonly cpus?: number }
}

export interface RunState {
  readonly id: string
  readonly environment: string
  readonly release: string
  readonly service: string
  readonly index: number
  readonly port?: number
  readonly alive: boolean
  readonly pid: number
  readonly startedAt: string
  readonly exit?: { readonly code: number | null; readonly at: string }
  readonly logFile: string
}
