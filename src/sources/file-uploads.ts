import { createHash, randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { assertFreeBytes, explainingFullDisk } from '../build/disk-space.ts'
import { SluiceError } from '../model/error.ts'
import type { Upload } from '../model/upload.ts'
import { removeFolder } from '../support/remove-folder.ts'
import { type BundleLimits, unpackBundle } from './bundle.ts'
import type { Uploads } from './uploads.ts'

export interface FileUploadsOptions {
  readonly directory: string
  /** Largest file that is taken in. */
  readonly maxBytes?: number
  /** What it may hold. */
  readonly limits?: BundleLimits
  /** Kept for so long after the last use. */
  readonly keepMs?: number
}

const MAX_BYTES = 2 * 1024 ** 3
const LIMITS: BundleLimits = { entries: 300_000, bytes: 8 * 1024 ** 3 }
const KEEP_MS = 24 * 60 * 60 * 1000
/** Left for others. */
const FREE_BYTES = 256 * 1024 * 1024

/** Uploads as folders of the home: `announced.json`, `data`, and `source` once it was unpacked. */
export function fileUploads(options: FileUploadsOptions): Uploads {
  return new FileUploads({ maxBytes: MAX_BYTES, limits: LIMITS, keepMs: KEEP_MS, ...options })
}

interface Announced {
  readonly bytes: number
  readonly sha256: string
}

class FileUploads implements Uploads {
  readonly #options: Required<FileUploadsOptions>
  /** Work under way by upload: pieces are taken one after the other. */
  readonly #busy = new Set<string>()
  readonly #unpacking = new Map<string, Promise<string>>()

  constructor(options: Required<FileUploadsOptions>) {
    this.#options = options
  }

  async begin(announced: Announced): Promise<Upload> {
    const { directory, maxBytes } = this.#options
    if (announced.bytes > maxBytes) throw tooLarge(announced.bytes, maxBytes)
    await mkdir(directory, { recursive: true, mode: 0o711 })
    await assertFreeBytes(directory, announced.bytes + FREE_BYTES)
    const id = `u${randomBytes(12).toString('hex')}`
    await mkdir(this.#path(id), { mode: 0o711 })
    await writeFile(this.#path(id, 'data'), '', { mode: 0o600 })
    await writeFile(this.#path(id, 'announced.json'), JSON.stringify(announced), { mode: 0o600 })
    return { id, bytes: announced.bytes, offset: 0, isComplete: false }
  }

  async get(id: string): Promise<Upload> {
    const { bytes } = await this.#announced(id)
    const { size } = await stat(this.#path(id, 'data'))
    return { id, bytes, offset: size, isComplete: await this.#isChecked(id) }
  }

  async append(id: string, offset: number, piece: AsyncIterable<Uint8Array>): Promise<Upload> {
    const before = await this.get(id)
    if (this.#busy.has(id)) throw conflict(`another piece of ${id} is on its way`)
    if (before.isComplete || offset !== before.offset) {
      throw conflict(`the next piece of ${id} begins at ${before.offset}, not at ${offset}`)
    }
    this.#busy.add(id)
    try {
      await explainingFullDisk(this.#options.directory, () => this.#write(id, before, piece))
      const after = await this.get(id)
      if (after.offset < after.bytes) return after
      await this.#check(id)
      return { ...after, isComplete: true }
    } finally {
      this.#busy.delete(id)
    }
  }

  folder(id: string): Promise<string> {
    const unpacking = this.#unpacking.get(id) ?? this.#unpack(id).finally(() => this.#unpacking.delete(id))
    this.#unpacking.set(id, unpacking)
    return unpacking
  }

  async prune(inUse: ReadonlySet<string>): Promise<void> {
    for (const id of await readdir(this.#options.directory).catch(() => [])) {
      const used = await stat(this.#path(id, 'announced.json')).catch(() => stat(this.#path(id)))
      if (inUse.has(id) || this.#busy.has(id) || Date.now() - used.mtimeMs < this.#options.keepMs) continue
      await removeFolder(this.#path(id))
    }
  }

  async #write(id: string, { offset, bytes }: Upload, piece: AsyncIterable<Uint8Array>): Promise<void> {
    const handle = await open(this.#path(id, 'data'), 'r+')
    let at = offset
    try {
      for await (const chunk of piece) {
        if (at + chunk.length > bytes) throw tooLarge(at + chunk.length, bytes)
        await handle.write(chunk, 0, chunk.length, at)
        at += chunk.length
      }
    } finally {
      await handle.close()
    }
  }

  async #check(id: string): Promise<void> {
    const { sha256 } = await this.#announced(id)
    const hash = createHash('sha256')
    await pipeline(createReadStream(this.#path(id, 'data')), hash)
    if (hash.digest('hex') === sha256) return writeFile(this.#path(id, 'checked'), '')
    await removeFolder(this.#path(id))
    throw new SluiceError('UPLOAD_INVALID', 'what arrived is not what was announced: its SHA-256 is another', {
      hint: 'upload it again',
    })
  }

  async #unpack(id: string): Promise<string> {
    const { isComplete, offset, bytes } = await this.get(id)
    if (!isComplete) throw conflict(`${id} is not complete: ${offset} of ${bytes} bytes are there`)
    const now = new Date()
    await utimes(this.#path(id, 'announced.json'), now, now) // used: see prune
    const folder = this.#path(id, 'source')
    if (await isThere(folder)) return folder
    const begun = this.#path(id, 'begun')
    await removeFolder(begun)
    await mkdir(begun, { mode: 0o755 })
    try {
      await explainingFullDisk(begun, () => unpackBundle(this.#path(id, 'data'), begun, this.#options.limits))
      await rename(begun, folder)
    } catch (error) {
      await removeFolder(begun)
      throw error
    }
    return folder
  }

  async #announced(id: string): Promise<Announced> {
    const file = /^u[0-9a-f]{24}$/.test(id) ? this.#path(id, 'announced.json') : null
    const text = file === null ? null : await readFile(file, 'utf8').catch(() => null)
    if (text !== null) return JSON.parse(text) as Announced
    throw new SluiceError('UPLOAD_UNKNOWN', `there is no upload ${id.slice(0, 64)}`, {
      hint: 'one that nobody used for a day is removed: upload it again',
    })
  }

  #isChecked(id: string): Promise<boolean> {
    return isThere(this.#path(id, 'checked'))
  }

  #path(id: string, name = ''): string {
    return join(this.#options.directory, id, name)
  }
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

function tooLarge(bytes: number, maxBytes: number): SluiceError {
  return new SluiceError('UPLOAD_TOO_LARGE', `${bytes} bytes are more than the ${maxBytes} that are taken`, {
    hint: 'leave out what is no source: .gitignore names it, and deploys of a commit hold only what git knows',
  })
}

function conflict(what: string): SluiceError {
  return new SluiceError('STATE_CONFLICT', what, { hint: 'ask where it stands, and go on from there' })
}
