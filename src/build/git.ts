import { SluiceError } from '../model/error.ts'
import { type RunResult, run } from '../support/run.ts'

export interface GitOptions {
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly signal?: AbortSignal
  readonly timeoutMs?: number
  /** With the blanks at its ends. */
  readonly isExact?: boolean
}

/** One git command; its exit code is the caller's business. Null when there is no git on this machine. */
export async function git(args: readonly string[], options: GitOptions): Promise<RunResult | null> {
  const { cwd, env, signal, timeoutMs = 120_000 } = options
  try {
    return await run(['git', ...args], {
      cwd,
      env: { ...env, LC_ALL: 'C', GIT_TERMINAL_PROMPT: '0', GIT_OPTIONAL_LOCKS: '0' },
      timeoutMs,
      ...(signal === undefined ? {} : { signal }),
    })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

/** Output of a git command that has to succeed. Throws `SOURCE_INVALID` with git's own words. */
export async function gitOutput(args: readonly string[], options: GitOptions, what: string): Promise<string> {
  const result = await git(args, options)
  if (result?.code === 0) return options.isExact === true ? result.stdout : result.stdout.trim()
  const words = result === null ? 'git is not installed' : (result.stderr.trim().split('\n')[0] ?? '')
  throw new SluiceError('SOURCE_INVALID', `${what}: ${words}`, {
    hint: 'run git status in the project; a shallow clone may lack the commit (git fetch --unshallow)',
    details: { command: ['git', ...args].join(' ') },
  })
}
