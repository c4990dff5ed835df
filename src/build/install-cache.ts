import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sleep } from '../support/clock.ts'
import type { Installer } from './installer.ts'
import { type LinkedFile, linkedCopy } from './linked-copy.ts'

/** Newest entries that are kept; each is as large as the packages of a project. */
const keptEntries = 8

/**
 * Installed packages by what decides them: lock file, runtime version, platform. They come back as hard links, in a
 * fraction of a second. A build could write into such a file, so sizes and times are compared when an entry is used,
 * and a changed entry is thrown away. An entry is saved only when the file system's clock has gone on from the times in it,
 * so that no later writer leaves the same one; setting them would make byte code and incremental builds distrust the files.
 */
export class InstallCache {
  readonly #directory: string

  constructor(directory: string) {
    this.#directory = directory
  }

  async key(installer: Installer, runtime: string): Promise<string> {
    const hash = createHash('sha256')
    const facts = [1, installer.name, installer.command, runtime, process.platform, process.arch]
    hash.update(JSON.stringify(facts))
    for (const input of installer.inputs) {
      const content = await readFile(join(installer.folder, input)).catch(() => Buffer.from('absent'))
      hash.update(`${input} ${content.length}\n`).update(content)
    }
    return hash.digest('hex')
  }

  /** True when the packages are there now. */
  async restore(key: string, to: string): Promise<boolean> {
    const entry = join(this.#directory, key)
    try {
      const recorded = new Map(
        (JSON.parse(await readFile(join(entry, 'files.json'), 'utf8')) as LinkedFile[]).map(pair),
      )
      const found = await linkedCopy(join(entry, 'tree'), to, { copy: isWrittenInPlace })
      if (found.length === recorded.size && found.every((file) => isSame(file, recorded.get(file.path)))) {
        await utimes(entry, new Date(), new Date())
        return true
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOSPC') throw error
    }
    await rm(to, { recursive: true, force: true })
    await rm(entry, { recursive: true, force: true })
    return false
  }

  async save(key: string, from: string): Promise<void> {
    await mkdir(this.#directory, { recursive: true })
    const unfinished = join(this.#directory, `.${randomBytes(8).toString('hex')}`)
    try {
      const files = await linkedCopy(from, join(unfinished, 'tree'), { copy: isWrittenInPlace })
      const times = await Promise.all(
        files.filter((file) => isWrittenInPlace(file.path)).map((file) => this.#fresh(unfinished, file)),
      )
      const shared = files.filter((file) => !isWrittenInPlace(file.path))
      await writeFile(join(unfinished, 'files.json'), JSON.stringify([...shared, ...times]))
      await nextTickOf(join(unfinished, 'clock'))
      await rename(unfinished, join(this.#directory, key)).catch(() => {}) // somebody else was faster
    } finally {
      await rm(unfinished, { recursive: true, force: true })
    }
    await this.#forgetOld()
  }

  async #fresh(unfinished: string, { path }: LinkedFile): Promise<LinkedFile> {
    const { size, mtimeMs } = await stat(join(unfinished, 'tree', path))
    return { path, size, mtimeMs }
  }

  async #forgetOld(): Promise<void> {
    const names = await readdir(this.#directory)
    const entries = await Promise.all(
      names.map(async (name) => ({
        name,
        at: (await stat(join(this.#directory, name)).catch(() => null))?.mtimeMs ?? 0,
      })),
    )
    const old = entries.toSorted((a, b) => b.at - a.at).slice(keptEntries)
    for (const { name } of old) await rm(join(this.#directory, name), { recursive: true, force: true })
  }
}

/** Until a file that is written now gets a later time than all that were written before. */
async function nextTickOf(probe: string): Promise<void> {
  const writtenAtMs = async () => {
    await writeFile(probe, '.')
    return (await stat(probe)).mtimeMs
  }
  const firstMs = await writtenAtMs()
  while ((await writtenAtMs()) <= firstMs) await sleep(1)
}

/** Package managers keep notes of their own here and rewrite them. */
function isWrittenInPlace(path: string): boolean {
  return path.startsWith('.') && !path.includes('/')
}

function pair(file: LinkedFile): [string, LinkedFile] {
  return [file.path, file]
}

function isSame(a: LinkedFile, b: LinkedFile | undefined): boolean {
  return b !== undefined && a.size === b.size && a.mtimeMs === b.mtimeMs
}
