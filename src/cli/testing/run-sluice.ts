import { type ChildProcess, spawn } from 'node:child_process'
import { resolve } from 'node:path'

const bin = resolve(import.meta.dirname, '../../../bin/sluice')
/** Only ends what hangs. */
const HANGING_MS = 45_000

export interface RanSluice {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunSluiceOptions {
  readonly home: string
  readonly cwd: string
  /** Standard input; null: open, and nothing ever comes. */
  readonly input?: string | Uint8Array | null
  readonly environment?: Readonly<Record<string, string>>
  /** Runs beside it; may send signals. */
  readonly onStart?: (kill: (signal: NodeJS.Signals) => void, child: ChildProcess) => Promise<void>
  /** The Node that starts it (default: the one of the tests). */
  readonly node?: string
  /** Sees standard output as it grows; may send signals. */
  readonly onOutput?: (stdout: string, kill: (signal: NodeJS.Signals) => void) => void
}

/** The real command line as a child process without a terminal. */
export function runSluice(args: readonly string[], options: RunSluiceOptions): Promise<RanSluice> {
  const { home, cwd, input = '', environment = {}, node = process.execPath, onOutput, onStart } = options
  const inherited = Object.entries(process.env).filter(([name]) => !/^(SLUICE_|CI$|DATABASE_URL$|PG)/.test(name))
  return new Promise((done, failed) => {
    const child = spawn(node, [bin, ...args], {
      cwd,
      env: { ...Object.fromEntries(inherited), SLUICE_HOME: home, ...environment },
      timeout: HANGING_MS,
      killSignal: 'SIGKILL',
    })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString()
      onOutput?.(stdout, (signal) => child.kill(signal))
    })
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString()
    })
    child.stdin.on('error', () => {}) // it may end without reading
    if (input !== null) child.stdin.end(input)
    onStart?.((signal) => child.kill(signal), child).catch(failed)
    child.on('error', failed)
    child.on('close', (code) => done({ code, stdout, stderr }))
  })
}
