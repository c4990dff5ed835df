import { open, rename, rm, stat } from 'node:fs/promises'

export interface LogLimits {
  /** A log above this size is rotated. */
  readonly bytes: number
  /** Files per instance, the one being written included. */
  readonly files: number
}

const CHUNK_BYTES = 256 * 1024

export const defaultLogLimits: LogLimits = { bytes: 10 * 1024 * 1024, files: 5 }

/** `log`, `log.1` (newest of the old ones), … */
export function rotatedFile(log: string, age: number): string {
  return age === 0 ? log : `${log}.${age}`
}

/**
 * Copy and truncate: the program keeps its descriptor (opened to append), so there is nothing to tell it. Of a log that
 * grew beyond twice the limit before we saw it only the end is kept. True when the log was rotated.
 */
export async function rotateLog(log: string, limits: LogLimits = defaultLogLimits): Promise<boolean> {
  const size = (await stat(log).catch(() => null))?.size ?? 0
  if (size <= limits.bytes) return false
  const copy = `${log}.copy`
  await copyEnd(log, copy, 2 * limits.bytes)
  for (let age = limits.files - 1; age > 1; age--) {
    await rename(rotatedFile(log, age - 1), rotatedFile(log, age)).catch(ignoreMissing)
  }
  if (limits.files > 1) await rename(copy, rotatedFile(log, 1))
  else await rm(copy, { force: true })
  return true
}

/** Also truncates: what is written between the last read and the truncation is lost, as with every such rotation. */
async function copyEnd(from: string, to: string, bytes: number): Promise<void> {
  const source = await open(from, 'r+')
  try {
    const target = await open(to, 'w')
    try {
      const buffer = Buffer.allocUnsafe(CHUNK_BYTES)
      let position = Math.max(0, (await source.stat()).size - bytes)
      // Bounded: a program that writes faster than we copy must not keep us here.
      const end = position + bytes + CHUNK_BYTES
      while (position < end) {
        const { bytesRead } = await source.read(buffer, 0, buffer.length, position)
        if (bytesRead === 0) break
        await target.write(buffer, 0, bytesRead)
        position += bytesRead
      }
    } finally {
      await target.close()
    }
  } finally {
    // Even when the copy failed (a full disk): a truncated log is what frees the disk.
    try {
      await source.truncate(0)
    } finally {
      await source.close()
    }
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}
