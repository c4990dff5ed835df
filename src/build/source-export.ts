import { existsSync } from 'node:fs'
import { copyFile, lstat, mkdir, readdir, readFile, readlink, symlink } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { SluiceError } from '../model/error.ts'
import { git, gitOutput } from './git.ts'

export interface ExportOptions {
  readonly projectDir: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly signal: AbortSignal
  /** What no configuration is in is left out: submodules, and the content of large files. */
  readonly isPartial?: boolean
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

/**
 * Writes a git tree into the empty folder `to`, through the repository's filters (line ends, large files), with its
 * submodules. Throws `SOURCE_INVALID`, also where the content of a submodule or of a large file is not on this machine.
 */
export async function exportTree(
  { tree, env }: GitTree,
  to: string,
  scratch: string,
  options: ExportOptions,
): Promise<void> {
  const { projectDir, signal } = options
  const gitDir = await gitOutput(['rev-parse', '--absolute-git-dir'], { cwd: projectDir, env, signal }, projectDir)
  const own = { ...env, GIT_INDEX_FILE: join(scratch, 'export-index'), GIT_DIR: gitDir, GIT_WORK_TREE: to }
  const call = { cwd: to, env: own, signal }
  await gitOutput(['read-tree', tree], call, 'cannot read the commit')
  const result = await git(['checkout-index', '--all', '--force'], call)
  if (result?.code !== 0) throw checkoutFailed(result?.stderr.trim() ?? '')
  if (options.isPartial === true) return
  const entries = (await gitOutput(['ls-files', '--stage', '-z'], call, 'cannot read the commit')).split('\0')
  if (entries.some((entry) => /(?:\t|\/)\.gitattributes$/.test(entry))) await assertNoPointers(to, call)
  for (const entry of entries) {
    const [, commit = '', path = ''] = /^160000 (\w+) \d\t([^]*)$/.exec(entry) ?? []
    if (commit !== '') await exportSubmodule({ path, commit, env }, to, scratch, options)
  }
}

function checkoutFailed(words: string): Error {
  if (words.includes('No space left')) return Object.assign(new Error(words), { code: 'ENOSPC' })
  return new SluiceError('SOURCE_INVALID', `cannot check out the commit: ${words.split('\n')[0]}`)
}

/** A submodule at the commit that its repository asks for, out of what `git submodule update` brought. */
async function exportSubmodule(
  { path, commit, env }: { readonly path: string; readonly commit: string; readonly env: GitTree['env'] },
  to: string,
  scratch: string,
  options: ExportOptions,
): Promise<void> {
  const projectDir = join(options.projectDir, path)
  const plain = {
    ...env,
    GIT_INDEX_FILE: undefined,
    GIT_OBJECT_DIRECTORY: undefined,
    GIT_ALTERNATE_OBJECT_DIRECTORIES: undefined,
  }
  const call = { cwd: projectDir, env: plain, signal: options.signal }
  const found = existsSync(join(projectDir, '.git')) ? await git(['cat-file', '-e', `${commit}^{tree}`], call) : null
  if (found?.code !== 0)
    throw new SluiceError('SOURCE_INVALID', `the submodule ${path} is not here at commit ${commit.slice(0, 12)}`, {
      hint: 'run git submodule update --init --recursive in the project',
    })
  await mkdir(join(to, path), { recursive: true })
  await exportTree({ tree: `${commit}^{tree}`, env: plain }, join(to, path), scratch, { ...options, projectDir })
}

const pointerStart = 'version https://git-lfs.github.com/spec/'

/** Without git-lfs, or without its objects, a checkout quietly holds a few lines of text in the place of each large file. */
async function assertNoPointers(to: string, call: Parameters<typeof git>[1]): Promise<void> {
  const listed = (await git(['ls-files', '-z', '--', ':(attr:filter=lfs)'], call))?.stdout.split('\0') ?? []
  const pointers: string[] = []
  for (const path of listed.filter((name) => name !== '')) {
    const isSmall = ((await lstat(join(to, path)).catch(() => null))?.size ?? Infinity) < 1024
    if (isSmall && (await readFile(join(to, path), 'utf8')).startsWith(pointerStart)) pointers.push(path)
  }
  if (pointers.length === 0) return
  const more = pointers.length > 1 ? ` and ${pointers.length - 1} more` : ''
  throw new SluiceError(
    'SOURCE_INVALID',
    `the content of ${pointers[0]}${more} is not here: git-lfs did not bring it`,
    {
      hint: 'install git-lfs on this machine, then run git lfs install and git lfs pull in the project',
      details: { pointers: pointers.slice(0, 20) },
    },
  )
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
