import { SluiceError } from '../model/error.ts'
import { git } from './git.ts'

/** What a project folder holds right now. */
export interface SourceDescription {
  /** Null: not under git, or nothing of this folder was committed yet. */
  readonly commit: string | null
  readonly branch: string | null
  readonly subject: string | null
  /** Changed, deleted or untracked (not ignored) files below the project folder. */
  readonly dirty: boolean
}

const noGit: SourceDescription = { commit: null, branch: null, subject: null, dirty: false }

/** Two git calls side by side, about 10 ms. `env`: PATH and HOME are enough. Throws `SOURCE_INVALID`. */
export async function describeSource(
  projectDir: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<SourceDescription> {
  const options = { cwd: projectDir, env, timeoutMs: 30_000 }
  const [status, head] = await Promise.all([
    git(['status', '--porcelain=v2', '--branch', '--no-renames', '-z', '--', '.'], options),
    // `:./` is empty for a folder that no commit knows, such as one that the repository around it ignores.
    git(['log', '-1', '--format=%H%x00%s', 'HEAD', '--', '.'], options),
  ])
  if (status?.stderr.includes('dubious ownership')) throw notOurs(projectDir)
  if (status?.code !== 0) return noGit
  const lines = status.stdout.split('\0').filter((line) => line !== '')
  const header = (name: string) => lines.find((line) => line.startsWith(`# ${name} `))?.slice(name.length + 3)
  const dirty = lines.some((line) => !line.startsWith('# '))
  const commit = header('branch.oid')
  // A repository before its first commit: all that is there would be lost with this folder.
  if (commit === '(initial)') return { ...noGit, dirty }
  if (commit === undefined || head?.code !== 0 || head.stdout === '') return noGit
  const branch = header('branch.head') ?? '(detached)'
  return {
    commit,
    branch: branch === '(detached)' ? null : branch,
    subject: await subjectOf(commit, head.stdout, options),
    dirty,
  }
}

/** Taking it for a plain folder would be a silent fallback. */
function notOurs(projectDir: string): SluiceError {
  return new SluiceError('SOURCE_INVALID', `git refuses ${projectDir}: its repository belongs to another user`, {
    hint: `run sluice as that user, or: git config --global --add safe.directory ${projectDir}`,
  })
}

/** In a repository with several projects the newest commit may be another project's. */
async function subjectOf(
  commit: string,
  newestHere: string,
  options: { readonly cwd: string; readonly env: Readonly<Record<string, string | undefined>> },
): Promise<string | null> {
  const [hash, subject] = newestHere.trim().split('\0')
  if (hash === commit) return subject ?? null
  return (await git(['log', '-1', '--format=%s', commit], options))?.stdout.trim() ?? null
}
