import { randomBytes } from 'node:crypto'
import { chmod, lstat, mkdir, readdir, rename, rm, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { SluiceError } from '../model/error.ts'
import { removeFolder } from '../support/remove-folder.ts'
import type { RecordedEntry } from './artifact-records.ts'
import { type FileStore, STAMP_ERROR_MS } from './file-store.ts'
import { forEachParallel } from './pool.ts'

type RecordedFile = Extract<RecordedEntry, { type: 'file' }>

/** A tree that was looked at this recently is not looked at again: one deployment asks many times. */
const trustMs = 30_000

/** Nobody writes into an unpacked artifact, its owner neither: all its instances and later starts would see it. */
const closed = 0o555

/** Unpacked artifacts, one folder per artifact; a folder of that name is always whole. */
export class ArtifactTrees {
  readonly #directory: string
  readonly #files: FileStore
  readonly #checked = new Map<string, number>()
  readonly #making = new Map<string, Promise<string>>()

  constructor(directory: string, files: FileStore) {
    this.#directory = directory
    this.#files = files
  }

  ensure(id: string, readEntries: () => Promise<readonly RecordedEntry[]>): Promise<string> {
    const running = this.#making.get(id)
    if (running) return running
    const made = this.#ensure(id, readEntries).finally(() => this.#making.delete(id))
    this.#making.set(id, made)
    return made
  }

  async #ensure(id: string, readEntries: () => Promise<readonly RecordedEntry[]>): Promise<string> {
    const tree = join(this.#directory, id)
    const exists = (await lstat(tree).catch(() => null)) !== null
    if (exists && performance.now() - (this.#checked.get(id) ?? -Infinity) < trustMs) return tree
    const entries = await readEntries()
    if (!exists) await this.#make(tree, entries)
    await this.#repair(tree, id, entries)
    this.#checked.set(id, performance.now())
    return tree
  }

  async #make(tree: string, entries: readonly RecordedEntry[]): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o755 })
    const unfinished = join(this.#directory, `.${randomBytes(8).toString('hex')}`)
    try {
      await mkdir(unfinished, { mode: 0o755 })
      for (const folder of foldersOf(entries)) await mkdir(join(unfinished, folder), { recursive: true, mode: 0o755 })
      await forEachParallel(entries, 16, async (entry) => {
        const path = join(unfinished, entry.path)
        if (entry.type === 'link') await symlink(entry.target, path)
        else if (entry.type === 'file') await this.#files.materialise(entry.hash, entry.executable, path)
      })
      await rename(unfinished, tree)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT') throw damaged(tree, 'a stored file is missing')
      if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error // otherwise another process was faster
    } finally {
      await rm(unfinished, { recursive: true, force: true })
    }
  }

  /** Puts the stored file in the place of one that was changed or removed; the store itself is checked by content then. */
  async #repair(tree: string, id: string, entries: readonly RecordedEntry[]): Promise<void> {
    const changed: RecordedFile[] = []
    await forEachParallel(entries, 16, async (entry) => {
      if (entry.type === 'file' && !(await isUnchanged(join(tree, entry.path), entry))) changed.push(entry)
    })
    const isClosed = ((await lstat(tree)).mode & 0o777) === closed
    if (isClosed && changed.length === 0) return
    const folders = [...foldersOf(entries)]
    await chmod(tree, 0o755)
    for (const { path } of changed) await openUpTo(tree, dirname(path))
    await forEachParallel(changed, 16, (entry) => this.#replace(tree, id, entry))
    // The tree's own folder last: as long as it is open, the others may be.
    await forEachParallel(folders, 16, (folder) => chmod(join(tree, folder), closed).catch(ignoreMissing))
    await chmod(tree, closed)
  }

  async #replace(tree: string, id: string, { path, hash, executable }: RecordedFile): Promise<void> {
    if (!(await this.#files.isIntact(hash, executable))) throw damaged(id, `${path} was changed`)
    const fresh = join(tree, `${path}.${randomBytes(4).toString('hex')}`)
    await this.#files.materialise(hash, executable, fresh)
    await rename(fresh, join(tree, path))
    await rm(fresh, { force: true }) // both were the same file: then rename does nothing
  }

  /** Removes trees of unknown artifacts and those that an interrupted process left. */
  async sweep(isKnown: (id: string) => boolean): Promise<void> {
    for (const name of await readdir(this.#directory).catch(() => [])) {
      if (isKnown(name)) continue
      this.#checked.delete(name)
      await removeFolder(join(this.#directory, name))
    }
  }
}

/** Every folder of an artifact but its own: a folder with its files before those above it. */
function foldersOf(entries: readonly RecordedEntry[]): ReadonlySet<string> {
  const folders = new Set<string>()
  for (const { type, path } of entries) {
    let folder = type === 'directory' ? path : dirname(path)
    for (; folder !== '.' && !folders.has(folder); folder = dirname(folder)) folders.add(folder)
  }
  return folders
}

/** Makes the folder where it is missing, and lets us write into it. */
async function openUpTo(tree: string, folder: string): Promise<void> {
  let path = tree
  for (const part of folder === '.' ? [] : folder.split('/')) {
    path = join(path, part)
    await mkdir(path, { recursive: true, mode: 0o755 })
    await chmod(path, 0o755)
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}

async function isUnchanged(path: string, entry: RecordedFile): Promise<boolean> {
  const stat = await lstat(path).catch(() => null)
  return stat !== null && stat.size === entry.size && Math.abs(stat.mtimeMs - (entry.mtimeMs ?? 0)) < STAMP_ERROR_MS
}

function damaged(id: string, what: string): SluiceError {
  return new SluiceError('ARTIFACT_MISSING', `artifact ${id.slice(-64).slice(0, 12)} is damaged: ${what}`, {
    hint: 'deploy its commit again, which builds it anew; applications must write outside of their own folder',
  })
}
