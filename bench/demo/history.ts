import { cp, mkdir, readdir, rename, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { run } from '../../src/support/run.ts'
import { OWN_CONFIG } from './config.ts'

const project = resolve(import.meta.dirname, '../../examples/social')
/** Made by tools, or not part of the project's own story. */
const leftOut = ['node_modules', 'build', '.svelte-kit', '.sluice', 'releases']

const subjects = [
  'Plaza: people, posts, comments, likes',
  'Topics, and a new look',
  'A tip of the day beside the feed',
  'Tips need no link',
] as const

export interface HistoryOptions {
  /** Written as `sluice.config.ts`; it may import the project's own, which lies beside it then. */
  readonly config?: string
}

/**
 * Makes a git repository of the social application with its four releases, oldest first; dates are fixed, so the same
 * files give the same commits. The newest is checked out.
 */
export async function createHistory(
  directory: string,
  { config }: HistoryOptions = {},
): Promise<{ commits: string[] }> {
  await mkdir(directory, { recursive: true })
  const git = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await run(['git', '-C', directory, ...args], {
      timeoutMs: 60_000,
      env: gitEnvironment(commits.length),
    })
    if (code !== 0) throw new Error(`git ${args.join(' ')}: ${stderr}`)
    return stdout.trim()
  }
  const commits: string[] = []
  await git('init', '--quiet', '--initial-branch=main')
  for (const [index, subject] of subjects.entries()) {
    await layOver(index === 0 ? project : join(project, 'releases', String(index + 1)), directory)
    if (config !== undefined && index === 0) await putBeside(directory, config)
    await git('add', '--all')
    await git('commit', '--quiet', '--message', subject)
    commits.push(await git('rev-parse', 'HEAD'))
  }
  return { commits }
}

async function putBeside(directory: string, config: string): Promise<void> {
  const file = join(directory, 'sluice.config.ts')
  await rename(file, join(directory, OWN_CONFIG))
  await writeFile(file, config)
}

async function layOver(from: string, to: string): Promise<void> {
  for (const name of await readdir(from)) {
    if (!leftOut.includes(name)) await cp(join(from, name), join(to, name), { recursive: true, force: true })
  }
}

/** Nothing of the machine's own git settings: no signing, no hooks, no other identity. */
function gitEnvironment(commit: number): Record<string, string | undefined> {
  const date = `2026-01-0${commit + 1}T09:00:00Z`
  const person = { NAME: 'Plaza', EMAIL: 'plaza@example.org', DATE: date }
  return {
    PATH: process.env['PATH'],
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_SYSTEM: '/dev/null',
    ...Object.fromEntries(
      Object.entries(person).flatMap(([key, value]) => [
        [`GIT_AUTHOR_${key}`, value],
        [`GIT_COMMITTER_${key}`, value],
      ]),
    ),
  }
}
