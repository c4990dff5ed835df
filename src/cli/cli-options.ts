import type { ReadStream, WriteStream } from 'node:tty'

/** What the entry point knows of the process, handed to everything that needs it. */
export interface CliOptions {
  readonly argv: readonly string[]
  readonly cwd: string
  readonly environment: NodeJS.ProcessEnv
  readonly execPath: string
  readonly platform: NodeJS.Platform
  readonly stdin: ReadStream
  readonly stdout: WriteStream
  readonly stderr: WriteStream
  readonly interrupted: AbortSignal
}
