import { spawn } from 'node:child_process'
import { setPriority } from 'node:os'
import type { Readable } from 'node:stream'
import { SluiceError } from '../model/error.ts'
import { boundedLines, type LineSink } from '../support/lines.ts'
import { killGroup } from '../support/run.ts'

const keptLines = 200
const shownLines = 40

export interface CommandOptions {
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  readonly signal: AbortSignal
  readonly lines: LineSink
  /** Told of the process group as soon as it exists: somebody else may have to end it after a crash of ours. */
  readonly onStart: (pid: number) => void
}

export interface CommandResult {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** The last 200; a reader is shown 40 of them. */
  readonly lastLines: readonly string[]
}

/**
 * Runs one step of a build in a process group of its own, at low priority: applications on this machine come first.
 * The whole group ends with it. Throws the reason of `signal`.
 */
export function runCommand(argv: readonly [string, ...string[]], options: CommandOptions): Promise<CommandResult> {
  const { cwd, env, signal, lines, onStart } = options
  const [file, ...args] = argv
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason as Error)
    const child = spawn(file, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
    const tail: string[] = []
    const onLine = (line: string) => {
      if (tail.push(line) > keptLines) tail.shift()
      lines.add(line)
    }
    const finishLines = [child.stdout, child.stderr].map((stream) => splitLines(stream, onLine))
    if (child.pid !== undefined) {
      onStart(child.pid)
      lowerPriority(child.pid)
    }
    const onAbort = () => killGroup(child.pid)
    signal.addEventListener('abort', onAbort, { once: true })
    child.once('error', (error) => {
      signal.removeEventListener('abort', onAbort)
      reject(error)
    })
    // Not 'close': something left in the background may hold the output open for ever.
    child.once('exit', (code, by) => {
      killGroup(child.pid)
      signal.removeEventListener('abort', onAbort)
      setImmediate(() => {
        for (const finish of finishLines) finish()
        if (signal.aborted) reject(signal.reason as Error)
        else resolve({ code, signal: by, lastLines: tail })
      })
    })
  })
}

/** The user's own string, in the user's shell. */
export function shell(command: string): readonly [string, ...string[]] {
  return ['sh', '-c', command]
}

/** `BUILD_FAILED` unless the command ended well, `DISK_FULL` when it says that this was why. */
export function assertSucceeded(what: string, command: string, result: CommandResult, hint: string): void {
  if (result.code === 0) return
  const how = result.signal === null ? `exit code ${result.code}` : result.signal
  const isFull = result.lastLines.some((line) => /ENOSPC|No space left on device/.test(line))
  throw new SluiceError(isFull ? 'DISK_FULL' : 'BUILD_FAILED', `${what} failed with ${how}: ${command}`, {
    hint: isFull ? 'the disk is full: free some space and deploy again' : hint,
    details: { command, exitCode: result.code, signal: result.signal, logTail: readable(result.lastLines) },
  })
}

/** npm prints its whole manual after a usage error. */
function readable(lines: readonly string[]): readonly string[] {
  const manual = lines.findIndex((line) => line.startsWith('npm error Usage:'))
  return (manual === -1 ? lines : lines.slice(0, manual)).slice(-shownLines)
}

function splitLines(stream: Readable, onLine: (line: string) => void): () => void {
  const splitter = boundedLines(onLine)
  stream.on('data', (chunk: Buffer) => splitter.write(chunk))
  return () => {
    for (let chunk = stream.read() as Buffer | null; chunk !== null; chunk = stream.read() as Buffer | null)
      splitter.write(chunk)
    splitter.end()
    stream.destroy()
  }
}

function lowerPriority(pid: number): void {
  try {
    setPriority(pid, 10)
  } catch {
    // already gone, or not allowed here
  }
}
