import { open, stat } from 'node:fs/promises'
import { StringDecoder } from 'node:string_decoder'
import { cutLine } from '../../../support/lines.ts'
import { rotatedFile } from './log-rotation.ts'
import { MAX_LINE_CHARS } from './log-tail.ts'

const CHUNK_BYTES = 256 * 1024
const PATIENCE = 5

/** Reads on where it stopped, also over a rotation, in bounded pieces. */
export class LogFollower {
  readonly #log: string
  /** A character may lie across two pieces. */
  readonly #decoder = new StringDecoder('utf8')
  #offset = 0
  /** Inode of the newest rotated file: another one means that the log was rotated. */
  #rotated: number | null = null
  /** Reads that found the log shorter than before, without a rotated file. */
  #shrunk = 0
  #pending = ''
  #pendingLength = 0

  private constructor(log: string) {
    this.#log = log
  }

  /** From the end of the log as it is now, or from its beginning. */
  static async open(log: string, from: 'start' | 'end'): Promise<LogFollower> {
    const follower = new LogFollower(log)
    follower.#rotated = await inodeOf(rotatedFile(log, 1))
    if (from === 'end') follower.#offset = (await stat(log).catch(() => null))?.size ?? 0
    return follower
  }

  /** Complete lines that appeared since; at most a piece of them, so call again while there are any. */
  async read(): Promise<readonly string[]> {
    const rotated = await inodeOf(rotatedFile(this.#log, 1))
    if (rotated !== this.#rotated) {
      const rest = await this.#readFrom(rotatedFile(this.#log, 1))
      if (rest.length > 0) return rest
      this.#rotated = rotated
      this.#offset = 0
    }
    const size = (await stat(this.#log).catch(() => null))?.size ?? 0
    if (size < this.#offset) {
      // In the middle of a rotation the old lines are about to appear in the rotated file.
      if (++this.#shrunk < PATIENCE) return []
      this.#offset = 0
    }
    this.#shrunk = 0
    return this.#readFrom(this.#log)
  }

  async #readFrom(file: string): Promise<readonly string[]> {
    const handle = await open(file, 'r').catch(() => null)
    if (handle === null) return []
    try {
      const lines: string[] = []
      // An unfinished line longer than a piece: read on, or it would look like the end of the file.
      for (;;) {
        const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES, this.#offset)
        if (bytesRead === 0) return lines
        this.#offset += bytesRead
        this.#split(this.#decoder.write(buffer.subarray(0, bytesRead)), lines)
        if (lines.length > 0) return lines
      }
    } finally {
      await handle.close()
    }
  }

  #split(text: string, lines: string[]): void {
    const parts = text.split('\n')
    const last = parts.pop() ?? ''
    for (const part of parts) {
      const length = this.#pendingLength + part.length
      lines.push(cutLine(this.#pending + part.slice(0, MAX_LINE_CHARS + 1), MAX_LINE_CHARS, length))
      this.#pending = ''
      this.#pendingLength = 0
    }
    // What is beyond the cut is only counted.
    this.#pending = (this.#pending + last.slice(0, MAX_LINE_CHARS + 1)).slice(0, MAX_LINE_CHARS + 1)
    this.#pendingLength += last.length
  }
}

async function inodeOf(file: string): Promise<number | null> {
  return (await stat(file).catch(() => null))?.ino ?? null
}
