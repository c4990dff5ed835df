import { createHash, randomBytes } from 'node:crypto'
import { constants, createReadStream, createWriteStream } from 'node:fs'
import { chmod, copyFile, link, lstat, mkdir, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'

export interface StoredFile {
  readonly hash: string
  readonly size: number
  /** Of the stored file (`betrayingTime`). It never changes, so a changed one betrays somebody who wrote into a tree. */
  readonly mtimeMs: number
}

/** How far stamps lie in the past: more than the coarsest file system rounds. */
const STAMP_AGE_SECONDS = 3

/** What is lost of a time stamp on its way to the file system and back. */
export const STAMP_ERROR_MS = 0.002

const smallBytes = 4 * 1024 * 1024

/**
 * File contents by SHA-256, each once and read-only. Hard links share mode bits, so an executable and a plain file
 * of the same content are two files here.
 */
export class FileStore {
  readonly #directory: string
  readonly #incoming: string

  constructor(directory: string) {
    this.#directory = join(directory, 'files')
    this.#incoming = join(directory, 'incoming')
  }

  pathOf(hash: string, executable: boolean): string {
    return join(this.#directory, hash.slice(0, 2), executable ? `${hash}.x` : hash)
  }

  /** Hashes what it copies, so a file that changes meanwhile is stored as it was read. */
  async put(source: string, options: { readonly executable: boolean; readonly size: number }): Promise<StoredFile> {
    await mkdir(this.#incoming, { recursive: true })
    const incoming = join(this.#incoming, randomBytes(12).toString('hex'))
    try {
      const hash =
        options.size <= smallBytes
          ? await this.#putSmall(source, incoming, options.executable)
          : await copyHashing(source, incoming)
      return await this.#settle(incoming, hash, options.executable)
    } finally {
      await rm(incoming, { force: true })
    }
  }

  async #putSmall(source: string, incoming: string, executable: boolean): Promise<string> {
    const content = await readFile(source)
    const hash = createHash('sha256').update(content).digest('hex')
    if (!(await this.#has(hash, executable, content.length))) await writeFile(incoming, content)
    return hash
  }

  async #settle(incoming: string, hash: string, executable: boolean): Promise<StoredFile> {
    const file = this.pathOf(hash, executable)
    const arrived = await lstat(incoming).catch(() => null)
    if (arrived !== null && !(await this.#has(hash, executable, arrived.size))) {
      await chmod(incoming, executable ? 0o555 : 0o444)
      const stamp = betrayingTime(hash)
      await utimes(incoming, stamp, stamp)
      await mkdir(dirname(file), { recursive: true, mode: 0o755 })
      await rename(incoming, file)
    }
    const { size, mtimeMs } = await lstat(file)
    return { hash, size, mtimeMs }
  }

  /** A stored file that was written into is not taken for what its name says; without a stamp its content tells. */
  async #has(hash: string, executable: boolean, size: number): Promise<boolean> {
    const stat = await lstat(this.pathOf(hash, executable)).catch(() => null)
    if (stat === null || stat.size !== size) return false
    return bearsStamp(stat.mtimeMs, hash) || this.isIntact(hash, executable)
  }

  /** Hard link, or a copy where links cannot go (another disk, too many links). */
  async materialise(hash: string, executable: boolean, to: string): Promise<void> {
    const file = this.pathOf(hash, executable)
    try {
      await link(file, to)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'EXDEV' && code !== 'EMLINK' && code !== 'EPERM' && code !== 'ENOTSUP') throw error
      await copyFile(file, to, constants.COPYFILE_FICLONE)
      const { atimeMs, mtimeMs } = await lstat(file)
      await utimes(to, atimeMs / 1000, mtimeMs / 1000)
    }
  }

  /** Reads it all. A stored file that is not what its name says is removed, so that the next build stores it anew. */
  async isIntact(hash: string, executable: boolean): Promise<boolean> {
    const file = this.pathOf(hash, executable)
    const actual = createHash('sha256')
    try {
      await pipeline(createReadStream(file), actual)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
      throw error
    }
    if (actual.digest('hex') === hash) return true
    await rm(file, { force: true })
    return false
  }

  /** Removes what `isUsed` does not know, and what interrupted writers left. */
  async sweep(isUsed: (name: string) => boolean): Promise<void> {
    await rm(this.#incoming, { recursive: true, force: true })
    for (const folder of await readdir(this.#directory).catch(() => [])) {
      for (const name of await readdir(join(this.#directory, folder)))
        if (!isUsed(name)) await rm(join(this.#directory, folder, name), { force: true })
    }
  }
}

/**
 * A time stamp that no later writer leaves: it lies seconds in the past, so even who writes at this moment, the same number
 * of bytes, gets another. Its fraction follows from the content, so that a stored file copied over another one with its
 * time (`cp -p`) is told too; its seconds stay true, since browsers ask by them.
 */
function betrayingTime(hash: string): number {
  return Math.floor(Date.now() / 1000) - STAMP_AGE_SECONDS + fractionOf(hash)
}

/** Whole microseconds: what a JavaScript number can still say of a time stamp. */
function fractionOf(hash: string): number {
  return (Number.parseInt(hash.slice(0, 8), 16) % 1_000_000) / 1_000_000
}

/** False for what an earlier version stored, and on file systems that know whole seconds only. */
function bearsStamp(mtimeMs: number, hash: string): boolean {
  return Math.abs((mtimeMs % 1000) - fractionOf(hash) * 1000) < STAMP_ERROR_MS
}

async function copyHashing(source: string, to: string): Promise<string> {
  const hash = createHash('sha256')
  const tap = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk)
      done(null, chunk)
    },
  })
  await pipeline(createReadStream(source), tap, createWriteStream(to))
  return hash.digest('hex')
}
