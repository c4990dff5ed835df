/**
 * The one error class for everything a reader can act on. Anything else that is thrown is a bug of ours
 * and shown as such (exit code 1).
 */
export interface Problem {
  /** Key path or place, such as `services.web.routes[0].host`. */
  readonly path: string
  readonly message: string
  /** What was seen there, already masked and shortened. */
  readonly seen?: string
  /** Nearest valid value or what to write instead. */
  readonly hint?: string
}

export interface SluiceErrorOptions {
  /** What to do about it. */
  readonly hint?: string
  readonly problems?: readonly Problem[]
  readonly cause?: unknown
  /** Facts for machines: instance, release, exit code, log lines. Never secrets. */
  readonly details?: Readonly<Record<string, unknown>>
}

export class SluiceError extends Error {
  override readonly name = 'SluiceError'
  readonly code: ErrorCode
  readonly hint: string | undefined
  readonly problems: readonly Problem[]
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, message: string, options: SluiceErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.hint = options.hint
    this.problems = options.problems ?? []
    this.details = options.details ?? {}
  }

  get exitCode(): ExitCode {
    return errorCodes[this.code].exitCode
  }

  get status(): number {
    return errorCodes[this.code].status
  }

  /** Shape that travels in problem documents, durable steps and `--json`. */
  toJSON(): SerializedError {
    return {
      code: this.code,
      message: this.message,
      ...(this.hint === undefined ? {} : { hint: this.hint }),
      ...(this.problems.length === 0 ? {} : { problems: this.problems }),
      ...(Object.keys(this.details).length === 0 ? {} : { details: this.details }),
    }
  }

  static fromJSON(value: SerializedError): SluiceError {
    return new SluiceError(isErrorCode(value.code) ? value.code : 'UNEXPECTED', value.message, value)
  }
}

export interface SerializedError {
  readonly code: string
  readonly message: string
  readonly hint?: string
  readonly problems?: readonly Problem[]
  readonly details?: Readonly<Record<string, unknown>>
}

/** Recognises our error also when it comes from a second copy of this module. */
export function isSluiceError(error: unknown): error is SluiceError {
  return error instanceof Error && error.name === 'SluiceError' && 'code' in error
}

export type ExitCode = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 130

interface ErrorKind {
  /** Exit code of the command line (DESIGN: CLI). */
  readonly exitCode: ExitCode
  /** HTTP status of the API. */
  readonly status: number
}

const usage: ErrorKind = { exitCode: 2, status: 400 }
const notFound: ErrorKind = { exitCode: 2, status: 404 }
const refused: ErrorKind = { exitCode: 3, status: 403 }
const conflict: ErrorKind = { exitCode: 3, status: 409 }
const failed: ErrorKind = { exitCode: 4, status: 422 }
const unexpected: ErrorKind = { exitCode: 1, status: 500 }
const unavailable: ErrorKind = { exitCode: 1, status: 503 }

/** Every code there is. A new failure gets a line here first. */
const errorCodes = {
  UNEXPECTED: unexpected,
  USAGE: usage,
  // configuration
  CONFIG_NOT_FOUND: usage,
  CONFIG_INVALID: usage,
  CONFIG_TIMEOUT: usage,
  CONFIG_THROWS: usage,
  CONFIG_NOT_SERIALIZABLE: usage,
  ENVIRONMENT_UNKNOWN: notFound,
  // things that are not there
  NOT_FOUND: notFound,
  RELEASE_UNKNOWN: notFound,
  DEPLOYMENT_UNKNOWN: notFound,
  // permission and state
  UNAUTHORIZED: { exitCode: 3, status: 401 },
  FORBIDDEN_HOST: refused,
  NOT_ALLOWED: refused,
  TREE_DIRTY: conflict,
  STATE_CONFLICT: conflict,
  FENCED: conflict,
  NOTHING_TO_ROLL_BACK_TO: conflict,
  ROLLBACK_UNSAFE: conflict,
  // uploads
  UPLOAD_UNKNOWN: notFound,
  UPLOAD_INVALID: usage,
  UPLOAD_TOO_LARGE: { exitCode: 2, status: 413 },
  // build
  SOURCE_INVALID: failed,
  BUILD_FAILED: failed,
  BUILD_TIMEOUT: failed,
  BUILD_TOO_LARGE: failed,
  ARTIFACT_INVALID: failed,
  ARTIFACT_MISSING: failed,
  DISK_FULL: failed,
  // launch
  SECRET_MISSING: failed,
  RELEASE_COMMAND_FAILED: failed,
  INSTANCE_NEVER_READY: failed,
  INSTANCE_NOT_LISTENING: failed,
  INSTANCE_CRASHED: failed,
  INSTANCE_UNHEALTHY: failed,
  GATE_ERROR: failed,
  NO_PORT: failed,
  USER_UNAVAILABLE: failed,
  // shift
  ROLLED_BACK: failed,
  ROLLBACK_FAILED: { exitCode: 5, status: 500 },
  NO_READY_INSTANCE: failed,
  EDGE_UNREACHABLE: unavailable,
  EDGE_REFUSED_TABLE: failed,
  ROUTE_CONFLICT: failed,
  CERTIFICATE_INVALID: failed,
  PORT_TAKEN: failed,
  CANCELLED: failed,
  SUPERSEDED: failed,
  // control plane
  CONTROL_PLANE_UNREACHABLE: unavailable,
  CONTROL_PLANE_UNTRUSTED: refused,
  CONTROL_PLANE_RUNNING: conflict,
  CONTROL_PLANE_START_FAILED: unavailable,
  HOME_NOT_WRITABLE: usage,
  HOME_FOREIGN: usage,
  DATABASE_URL_INVALID: usage,
  DATABASE_UNREACHABLE: unavailable,
  DATABASE_FOREIGN: conflict,
  DATABASE_IN_USE: conflict,
  POSTGRES_UNAVAILABLE: unavailable,
  WAIT_TIMED_OUT: { exitCode: 7, status: 504 },
  INTERRUPTED: { exitCode: 130, status: 499 },
  DEADLINE_EXCEEDED: unavailable,
} as const satisfies Record<string, ErrorKind>

export type ErrorCode = keyof typeof errorCodes

export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorCodes, code)
}
