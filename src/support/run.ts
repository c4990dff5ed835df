import { spawn } from 'node:child_process'
import { SluiceError } from '../model/error.ts'

export interface RunOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly timeoutMs: number
  readonly signal?: AbortSignal
  /** Aborted: the program's group gets SIGTERM and is waited for; nobody is killed by it. */
  readonly asked?: AbortSignal
  readonly input?: string
  /** Output above this is an error, never an out-of-memory. */
  readonly maxBytes?: number
  /** Gets the output as it comes, in place of the result: nothing of it is kept, so nothing limits it. */
  readonly onChunk?: (chunk: Buffer, from: 'stdout' | 'stderr') => void
  /** Run as this user (only root can); absent: as ourselves. */
  readonly user?: { readonly uid: number; readonly gid: number }
}

export interface RunResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** The one way to run a short program of ours: argv, a deadline, its own process group, killed as a whole. */
export function run(argv: readonly [string, ...string[]], options: RunOptions): Promise<RunResult> {
  const { cwd, env, timeoutMs, signal, asked, input, user, onChunk, maxBytes = 64 * 1024 * 1024 } = options
  const [file, ...args] = argv
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const child = spawn(file, args, {
      ...(cwd === undefined ? {} : { cwd }),
      ...(env === undefined ? {} : { env: env as NodeJS.ProcessEnv }),
      ...user,
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    const stdout: Buffer[] = []
    const stderr: Buffer[] = []
    let bytes = 0
    let failure: unknown
    const kill = (error: unknown) => {
      failure ??= error
      killGroup(child.pid)
    }
    const collect = (into: Buffer[]) => (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > maxBytes) kill(new SluiceError('UNEXPECTED', `${file} printed more than ${maxBytes} bytes`))
      else into.push(chunk)
    }
    const timer = setTimeout(
      () => kill(new SluiceError('DEADLINE_EXCEEDED', `${file} did not end within ${timeoutMs} ms`)),
      timeoutMs,
    )
    const onAbort = () => kill(signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    const onAsked = () => killGroup(child.pid, 'SIGTERM')
    if (asked?.aborted) onAsked()
    asked?.addEventListener('abort', onAsked, { once: true })
    child.stdout.on('data', onChunk === undefined ? collect(stdout) : (chunk: Buffer) => onChunk(chunk, 'stdout'))
    child.stderr.on('data', onChunk === undefined ? collect(stderr) : (chunk: Buffer) => onChunk(chunk, 'stderr'))
    child.stdin.on('error', () => {}) // the child may end before it reads
    child.stdin.end(input ?? '')
    child.on('error', (error) => {
      failure ??= error
      finish(null)
    })
    child.on('close', finish)

    function finish(code: number | null) {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      asked?.removeEventListener('abort', onAsked)
      if (failure !== undefined) return reject(failure)
      resolve({ code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() })
    }
  })
}

/** SIGKILL to the group that `pid` leads; nothing happens when it is gone. */
export function killGroup(pid: number | undefined, signal: NodeJS.Signals = 'SIGKILL'): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch {
    // already gone
  }
}
