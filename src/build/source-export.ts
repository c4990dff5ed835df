import { copyFile, lstat, mkdir, readdir, readlink, symlink } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { SluiceError } from '../model/error.ts'
import { git, gitOutput } from './git.ts'

export interface ExportOptions {
  readonly projectDir: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly signal: AbortSignal
}

/** Folders that are never source, wherever they are. */
const neverSource = new Set(['.git', 'node_modules', '.venv', '.svelte-kit', '.sluice'])

/** Name of the project folder's content at a commit: a git tree. Throws `SOURCE_INVALID`. */
export function treeOfCommit(commit: string, options: ExportOptions): Promise<string> {
  const { projectDir: cwd, env, signal } = options
  if (!/^[\w./@^~-]+$/.test(commit) || commit.startsWith('-'))
    throw new SluiceError('SOURCE_INVALID', `not a commit: ${commit}`)
  return gitOutput(
    ['rev-parse', '--verify', '--end-of-options', `${commit}:./`],
    { cwd, env, signal },
    `commit ${commit.slice(0, 12)} has no ${cwd}`,
  )
}

/**
 * The same for the working folder as it is: changed and untracked files, ignored ones not. Everything goes through an
 * index and an object folder of our own in `scratch`, so that the user's repository is only read.
 */
export async function treeOfWorkingFolder(scratch: string, options: ExportOptions): Promise<GitTree> {
  const { projectDir: cwd, env, signal } = options
  const paths = await gitOutput(
    ['rev-parse', '--git-path', 'index', '--git-path', 'objects', '--show-prefix'],
    { cwd, env, signal },
    `${cwd} is not in a git repository`,
  )
  const [index = '', objects = '', prefix = ''] = paths.split('\n')
  const own = {
    ...env,
    GIT_INDEX_FILE: join(scratch, 'index'),
    GIT_OBJECT_DIRECTORY: join(scratch, 'objects'),
    GIT_ALTERNATE_OBJECT_DIRECTORIES: resolve(cwd, objects),
  }
  await mkdir(join(scratch, 'objects'), { recursive: true })
  // The copied index knows which files did not change, so only the changed ones are read.
  await copyFile(resolve(cwd, index), own.GIT_INDEX_FILE).catch(ignoreMissing)
  const call = { cwd, env: own, signal }
  await gitOutput(['add', '--all', '--', '.'], call, 'cannot read the working folder')
  const tree = await gitOutput(
    ['write-tree', ...(prefix === '' ? [] : [`--prefix=${prefix}`])],
    call,
    'cannot read the working folder',
  )
  return { tree, env: own }
}

export interface GitTree {
  readonly tree: string
  /** Where its objects are found. */
  readonly env: Readonly<Record<string, string | undefined>>
}

/** Writes a git tree into the empty folder `to`, through the repository's filters (line ends, large files). */
export async function exportTree(
  { tree, env }: GitTree,
  to: string,
  scratch: string,
  { projectDir, signal }: ExportOptions,
): Promise<void> {
  const gitDir = await gitOutput(['rev-parse', '--absolute-git-dir'], { cwd: projectDir, env, signal }, projectDir)
  const own = { ...env, GIT_INDEX_FILE: join(scratch, 'export-index'), GIT_DIR: gitDir, GIT_WORK_TREE: to }
  const call = { cwd: to, env: own, signal }
  await gitOutput(['read-tree', tree], call, 'cannot read the commit')
  const result = await git(['checkout-index', '--all', '--force'], call)
  if (result?.code === 0) return
  const words = result?.stderr.trim() ?? ''
  if (words.includes('No space left')) throw Object.assign(new Error(words), { code: 'ENOSPC' })
  throw new SluiceError('SOURCE_INVALID', `cannot check out the commit: ${words.split('\n')[0]}`)
}

/** Copies a folder that is not under git, without dependencies and caches. `except`: absolute folders to leave out. */
export async function copySource(from: string, to: string, except: readonly string[]): Promise<void> {
  await mkdir(to, { recursive: true })
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const source = join(from, entry.name)
    const target = join(to, entry.name)
    if (neverSource.has(entry.name) || except.includes(source)) continue
    if (entry.isDirectory()) await copySource(source, target, except)
    else if (entry.isSymbolicLink()) await symlink(await readlink(source), target)
    else if (entry.isFile()) await copyFile(source, target)
    else if ((await lstat(source)).isFIFO()) continue // sockets and pipes of a running program are no source
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}
