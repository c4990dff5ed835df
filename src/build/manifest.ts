import { createHash } from 'node:crypto'
import { lstat, readdir, readlink, realpath } from 'node:fs/promises'
import { dirname, isAbsolute, join, relative, sep } from 'node:path'
import { SluiceError } from '../model/error.ts'

/** One thing in an artifact. Directories are listed only when empty: files imply theirs. */
export type ManifestEntry =
  | {
      readonly type: 'file'
      readonly path: string
      readonly executable: boolean
      readonly size: number
      readonly hash: string
    }
  | { readonly type: 'link'; readonly path: string; readonly target: string }
  | { readonly type: 'directory'; readonly path: string }

/** What a folder holds before its files were read. */
export interface FoundFile {
  readonly path: string
  readonly executable: boolean
  readonly size: number
}

export interface FolderContents {
  readonly files: readonly FoundFile[]
  readonly others: readonly Exclude<ManifestEntry, { type: 'file' }>[]
  readonly bytes: number
}

/** Name of an artifact: SHA-256 over its entries in order of their paths. */
export function manifestId(entries: readonly ManifestEntry[]): string {
  const hash = createHash('sha256')
  for (const entry of entries) hash.update(`${JSON.stringify(fieldsOf(entry))}\n`)
  return hash.digest('hex')
}

export function sortEntries(entries: readonly ManifestEntry[]): readonly ManifestEntry[] {
  return entries.toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0))
}

function fieldsOf(entry: ManifestEntry): readonly (string | number | boolean)[] {
  if (entry.type === 'file') return ['file', entry.path, entry.executable, entry.size, entry.hash]
  return entry.type === 'link' ? ['link', entry.path, entry.target] : ['directory', entry.path]
}

/**
 * Lists a folder without reading its files; stops as soon as more than `maxBytes` were counted.
 * Throws `BUILD_TOO_LARGE`; `ARTIFACT_INVALID` for links that lead out and for anything but files, folders and links.
 */
export async function listFolder(root: string, maxBytes: number): Promise<FolderContents> {
  const realRoot = await realpath(root)
  const files: FoundFile[] = []
  const others: Exclude<ManifestEntry, { type: 'file' }>[] = []
  let bytes = 0

  const visit = async (folder: string): Promise<void> => {
    const names = await readdir(join(root, folder))
    if (names.length === 0 && folder !== '') others.push({ type: 'directory', path: folder })
    for (const name of names) {
      const path = folder === '' ? name : `${folder}/${name}`
      const stat = await lstat(join(root, path))
      if (stat.isDirectory()) await visit(path)
      else if (stat.isSymbolicLink()) others.push(await checkedLink(root, realRoot, path))
      else if (stat.isFile()) {
        bytes += stat.size
        if (bytes > maxBytes) throw tooLarge(path, maxBytes)
        files.push({ path, executable: (stat.mode & 0o100) !== 0, size: stat.size })
      } else throw invalid(`${path} is neither a file nor a folder`, 'remove it from the build output')
    }
  }
  await visit('')
  return { files, others, bytes }
}

async function checkedLink(root: string, realRoot: string, path: string) {
  const target = await readlink(join(root, path))
  const hint = 'copy what it points at into the output, or leave the link out'
  if (isAbsolute(target)) throw invalid(`the link ${path} leads out of the artifact: ${target}`, hint)
  const lexical = join(realRoot, dirname(path), target)
  const real = await realpath(join(root, path)).catch(() => null)
  if (!isInside(realRoot, lexical) || (real !== null && !isInside(realRoot, real)))
    throw invalid(`the link ${path} leads out of the artifact: ${target}`, hint)
  return { type: 'link', path, target } as const
}

/** `path` is `folder` or lies below it; both absolute. */
export function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path)
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way))
}

function invalid(what: string, hint: string): SluiceError {
  return new SluiceError('ARTIFACT_INVALID', what, { hint })
}

/** `1 GB`, `512 MB`: as people write it in the configuration, where it is round. */
function sizeText(bytes: number): string {
  const [unit, factor] =
    bytes >= 1e9 ? (['GB', 1e9] as const) : bytes >= 1e6 ? (['MB', 1e6] as const) : (['kB', 1e3] as const)
  return `${Number((bytes / factor).toFixed(2))} ${unit}`
}

function tooLarge(path: string, maxBytes: number): SluiceError {
  return new SluiceError(
    'BUILD_TOO_LARGE',
    `the build output is larger than ${sizeText(maxBytes)} (reached at ${path})`,
    {
      hint: 'name only what runs in build.output, or raise build.maxSize',
      details: { maxBytes, path },
    },
  )
}
