import { createWriteStream } from 'node:fs'
import { chmod, mkdir, open, readdir, readlink, symlink } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import { SluiceError } from '../model/error.ts'

/*
 * A folder as one stream, gzipped: after the magic, for each entry the length of its head (4 bytes, big-endian), the head
 * (JSON), and the content of a file. There is no way to write a device, an owner or a second name: those do not exist here.
 */
const MAGIC = 'sluice-bundle 1\n'
const MAX_HEAD = 16 * 1024

interface Head {
  readonly path: string
  readonly kind: 'file' | 'folder' | 'link'
  /** Of a file. */
  readonly size?: number
  readonly executable?: boolean
  /** Of a link. */
  readonly to?: string
}

export interface BundleLimits {
  readonly entries: number
  readonly bytes: number
}

/** Packs the folder into the file. Sockets and pipes are left out. */
export async function packFolder(folder: string, file: string, signal: AbortSignal): Promise<void> {
  await pipeline(Readable.from(packed(folder)), createGzip({ level: 6 }), createWriteStream(file, { mode: 0o600 }), {
    signal,
  })
}

async function* packed(folder: string): AsyncGenerator<Buffer> {
  yield Buffer.from(MAGIC)
  yield* entriesOf(folder, '')
}

async function* entriesOf(folder: string, prefix: string): AsyncGenerator<Buffer> {
  const entries = await readdir(folder, { withFileTypes: true })
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const [path, full] = [`${prefix}${entry.name}`, join(folder, entry.name)]
    if (entry.isDirectory()) {
      yield headOf({ path, kind: 'folder' })
      yield* entriesOf(full, `${path}/`)
    } else if (entry.isSymbolicLink()) {
      yield headOf({ path, kind: 'link', to: await readlink(full) })
    } else if (entry.isFile()) {
      yield* fileOf(full, path)
    }
  }
}

async function* fileOf(full: string, path: string): AsyncGenerator<Buffer> {
  const handle = await open(full, 'r')
  try {
    const { size, mode } = await handle.stat()
    yield headOf({ path, kind: 'file', size, executable: (mode & 0o100) !== 0 })
    let left = size
    for await (const chunk of handle.createReadStream({ autoClose: false }) as AsyncIterable<Buffer>) {
      left -= chunk.length
      if (left < 0) break
      yield chunk
    }
    if (left !== 0) throw new SluiceError('SOURCE_INVALID', `${path} changed while it was read`, { hint: 'try again' })
  } finally {
    await handle.close()
  }
}

function headOf(head: Head): Buffer {
  const text = Buffer.from(JSON.stringify(head))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(text.length)
  return Buffer.concat([length, text])
}

/**
 * Unpacks into the empty folder. Throws `UPLOAD_INVALID` for whatever leads, or could lead, out of it, and for more than
 * the limits; what was unpacked until then is the caller's to remove.
 */
export async function unpackBundle(file: string, folder: string, limits: BundleLimits): Promise<void> {
  const handle = await open(file, 'r')
  const unzip = createGunzip()
  const source = handle.createReadStream()
  source.on('error', (error) => unzip.destroy(error))
  source.pipe(unzip)
  const input = new Input(unzip)
  const links = new Map<string, string>()
  const seen = new Set<string>()
  let bytes = 0
  try {
    if ((await input.take(MAGIC.length))?.toString() !== MAGIC) throw invalid('it is no bundle of a folder')
    for (let head = await nextHead(input); head !== null; head = await nextHead(input)) {
      if (seen.size >= limits.entries) throw invalid(`it has more than ${limits.entries} files`)
      assertInside(head.path)
      if (seen.has(head.path)) throw invalid(`${JSON.stringify(head.path)} is there twice`)
      seen.add(head.path)
      if (parentsOf(head.path).some((parent) => links.has(parent))) {
        throw invalid(`${JSON.stringify(head.path)} would be written through a link`)
      }
      bytes += head.size ?? 0
      if (bytes > limits.bytes) throw invalid(`it unpacks to more than ${limits.bytes} bytes`)
      await write(head, folder, input, links)
    }
    // Last, so that nothing was ever written through one.
    for (const [path, to] of links) {
      assertLeadsInside(path, to, links)
      await symlink(to, join(folder, path))
    }
  } catch (error) {
    if (error instanceof SluiceError) throw error
    const { code = '' } = error as NodeJS.ErrnoException
    throw /^(?:Z_|ERR_|EEXIST|ENOTDIR|EISDIR|ENAMETOOLONG)/.test(code) ? invalid('it is damaged') : error
  } finally {
    source.destroy()
    unzip.destroy()
    await handle.close().catch(() => {})
  }
}

async function write(head: Head, folder: string, input: Input, links: Map<string, string>): Promise<void> {
  const full = join(folder, ...head.path.split('/'))
  switch (head.kind) {
    case 'folder':
      await mkdir(full, { recursive: true })
      return
    case 'link':
      links.set(head.path, head.to ?? '')
      return
    case 'file': {
      await mkdir(dirname(full), { recursive: true })
      const handle = await open(full, 'wx', 0o644)
      try {
        for await (const chunk of input.pieces(head.size ?? 0)) await handle.writeFile(chunk)
      } finally {
        await handle.close()
      }
      if (head.executable === true) await chmod(full, 0o755)
      return
    }
    default:
      throw invalid('it holds something that is no file, folder or link')
  }
}

async function nextHead(input: Input): Promise<Head | null> {
  const length = await input.take(4)
  if (length === null) return null
  const size = length.readUInt32BE()
  if (size > MAX_HEAD) throw invalid('one of its heads is too long')
  const text = await input.take(size)
  try {
    const head = JSON.parse(text?.toString() ?? '') as Head
    if (
      typeof head.path === 'string' &&
      isSize(head.size ?? 0) &&
      (head.to === undefined || typeof head.to === 'string')
    )
      return head
  } catch {
    // told below
  }
  throw invalid('one of its heads cannot be read')
}

function isSize(value: unknown): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function assertInside(path: string): void {
  const parts = path.split('/')
  const isBad = (part: string) => part === '' || part === '.' || part === '..' || Buffer.byteLength(part) > 255
  if (parts.some(isBad) || path.length > 4000 || path.includes('\0') || (sep === '\\' && path.includes('\\'))) {
    throw invalid(`${JSON.stringify(path.slice(0, 200))} is no path inside of it`)
  }
  // A repository's hooks and filters would be run by whoever looks at it with git.
  if (parts.some((part) => part.toLowerCase() === '.git')) throw invalid('it holds a .git')
}

/** Step by step: a link may not lead out, nor through another link, whose end nobody knows by its name. */
function assertLeadsInside(path: string, to: string, links: ReadonlyMap<string, string>): void {
  const refused = () => invalid(`the link ${JSON.stringify(path)} leads out of it, or through another link`)
  if (to === '' || to.startsWith('/') || to.includes('\0') || to.includes('\\')) throw refused()
  const at = path.split('/').slice(0, -1)
  const steps = to.split('/').filter((step) => step !== '' && step !== '.')
  for (const [index, step] of steps.entries()) {
    if (step !== '..') at.push(step)
    else if (at.pop() === undefined) throw refused()
    if (index < steps.length - 1 && links.has(at.join('/'))) throw refused()
  }
}

function parentsOf(path: string): readonly string[] {
  const parts = path.split('/')
  return parts.slice(1).map((_part, index) => parts.slice(0, index + 1).join('/'))
}

function invalid(what: string): SluiceError {
  return new SluiceError('UPLOAD_INVALID', `the upload cannot be unpacked: ${what}`, {
    hint: 'upload it again with `sluice deploy`',
  })
}

/** A stream that is read in pieces of a wanted length. */
class Input {
  readonly #chunks: AsyncIterator<Buffer>
  #rest: Buffer = Buffer.alloc(0)

  constructor(stream: Readable) {
    this.#chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  }

  /** Exactly so many bytes; null at the very end. */
  async take(length: number): Promise<Buffer | null> {
    const pieces: Buffer[] = []
    let missing = length
    while (missing > 0) {
      if (this.#rest.length === 0 && !(await this.#read())) {
        if (missing === length) return null
        throw invalid('it ends in the middle')
      }
      const piece = this.#rest.subarray(0, missing)
      this.#rest = this.#rest.subarray(piece.length)
      missing -= piece.length
      pieces.push(piece)
    }
    return Buffer.concat(pieces)
  }

  async *pieces(length: number): AsyncGenerator<Buffer> {
    for (let missing = length; missing > 0; ) {
      if (this.#rest.length === 0 && !(await this.#read())) throw invalid('it ends in the middle')
      const piece = this.#rest.subarray(0, missing)
      this.#rest = this.#rest.subarray(piece.length)
      missing -= piece.length
      yield piece
    }
  }

  async #read(): Promise<boolean> {
    const next = await this.#chunks.next()
    if (next.done === true) return false
    this.#rest = next.value
    return true
  }
}
