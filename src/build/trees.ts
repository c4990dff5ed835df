import { randomBytes } from 'node:crypto'
import { lstat, mkdir, readdir, rename, rm, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { SluiceError } from '../model/error.ts'
import type { RecordedEntry } from './artifact-records.ts'
import type { FileStore } from './file-store.ts'
import { forEachParallel } from './pool.ts'

type RecordedFile = Extract<RecordedEntry, { type: 'file' }>

/** A tree that was looked at this recently is not looked at again: one deployment asks many times. */
const trustMs = 30_000

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
      const folders = new Set(entries.map(({ type, path }) => (type === 'directory' ? path : dirname(path))))
      for (const folder of folders) await mkdir(join(unfinished, folder), { recursive: true, mode: 0o755 })
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
    await forEachParallel(entries, 16, async (entry) => {
      if (entry.type !== 'file' || (await isUnchanged(join(tree, entry.path), entry))) return
      if (!(await this.#files.isIntact(entry.hash, entry.executable))) throw damaged(id, `${entry.path} was changed`)
      const fresh = join(tree, `${entry.path}.${randomBytes(4).toString('hex')}`)
      await mkdir(dirname(fresh), { recursive: true, mode: 0o755 })
      await this.#files.materialise(entry.hash, entry.executable, fresh)
      await rename(fresh, join(tree, entry.path))
      await rm(fresh, { force: true }) // both were the same file: then rename does nothing
    })
  }

  /** Removes trees of unknown artifacts and those that an interrupted process left. */
  async sweep(isKnown: (id: string) => boolean): Promise<void> {
    for (const name of await readdir(this.#directory).catch(() => [])) {
      if (isKnown(name)) continue
      this.#checked.delete(name)
      await rm(join(this.#directory, name), { recursive: true, force: true })
    }
  }
}

async function isUnchanged(path: string, entry: RecordedFile): Promise<boolean> {
  const stat = await lstat(path).catch(() => null)
  return stat !== null && stat.size === entry.size && Math.abs(stat.mtimeMs - (entry.mtimeMs ?? 0)) < 1
}

function damaged(id: string, what: string): SluiceError {
  return new SluiceError('ARTIFACT_MISSING', `artifact ${id.slice(-64).slice(0, 12)} is damaged: ${what}`, {
    hint: 'deploy its commit again, which builds it anew; applications must write outside of their own folder',
  })
}
