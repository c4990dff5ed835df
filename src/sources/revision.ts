import { git } from '../build/git.ts'
import type { SourceDescription } from '../build/source.ts'
import { SluiceError } from '../model/error.ts'

export interface GitCall {
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly signal?: AbortSignal
}

const GIT_MS = 30_000

/** One commit of the project, in which nothing can be uncommitted. Throws `SOURCE_INVALID`. */
export async function describeRevision(revision: string, call: GitCall): Promise<SourceDescription> {
  // The end of options first: a revision is never taken for one.
  const argv = ['log', '-1', '--format=%H%x00%s', '--end-of-options', revision, '--']
  const result = await git(argv, { ...call, timeoutMs: GIT_MS })
  const [commit = '', subject = ''] = result?.stdout.trim().split('\0') ?? []
  if (result?.code !== 0 || commit === '') {
    throw new SluiceError('SOURCE_INVALID', `git knows no commit ${revision} in ${call.cwd}`, {
      hint: 'name a commit, a tag or a branch of this repository; `git fetch` may bring it',
    })
  }
  return { commit, branch: null, subject, dirty: false }
}

/** Address of the repository that this is a clone of; what signs in there is left out. */
export async function repositoryOf(call: GitCall): Promise<string | null> {
  const result = await git(['config', '--get', 'remote.origin.url'], { ...call, timeoutMs: GIT_MS }).catch(() => null)
  const address = result?.code === 0 ? result.stdout.trim() : ''
  return address === '' ? null : address.replace(/^([a-z+]+:\/\/)[^/@]*@/i, '$1')
}
