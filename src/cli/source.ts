import { describeSource, type SourceDescription } from '../build/source.ts'
import { SluiceError } from '../model/error.ts'
import { run } from '../support/run.ts'

const GIT_MS = 30_000

/** What is deployed: the project folder as it is, or one commit of it, in which nothing can be uncommitted. */
export async function sourceOf(
  projectDir: string,
  revision: string | null,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<SourceDescription> {
  if (revision === null) return describeSource(projectDir, environment)
  // The end of options first: a revision is never taken for one.
  const argv = ['git', 'log', '-1', '--format=%H%x00%s', '--end-of-options', revision, '--'] as const
  const { code, stdout } = await run(argv, { cwd: projectDir, env: environment, timeoutMs: GIT_MS })
  const [commit = '', subject = ''] = stdout.trim().split('\0')
  if (code !== 0 || commit === '') {
    throw new SluiceError('SOURCE_INVALID', `git knows no commit ${revision} in ${projectDir}`, {
      hint: 'name a commit, a tag or a branch of this repository; `git fetch` may bring it',
    })
  }
  return { commit, branch: null, subject, dirty: false }
}
