import { statfs } from 'node:fs/promises'
import { SluiceError } from '../model/error.ts'

/** Bytes that we may still write below `path`. */
export async function freeBytes(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path)
  return bavail * bsize
}

export async function assertFreeBytes(path: string, neededBytes: number): Promise<void> {
  const free = await freeBytes(path)
  if (free < neededBytes) throw diskFull(path, free, neededBytes)
}

/** Runs `work`; a full disk is reported as such, with what is free now. */
export async function explainingFullDisk<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOSPC' && code !== 'EDQUOT') throw error
    throw diskFull(path, await freeBytes(path).catch(() => 0), null, error)
  }
}

export function diskFull(path: string, free: number, needed: number | null, cause?: unknown): SluiceError {
  const wanted = needed === null ? '' : `, ${megabytes(needed)} are needed`
  return new SluiceError('DISK_FULL', `no space left below ${path}: ${megabytes(free)} are free${wanted}`, {
    hint: 'free some disk space and deploy again; nothing of the running releases was touched',
    details: { path, freeBytes: free, ...(needed === null ? {} : { neededBytes: needed }) },
    cause,
  })
}

function megabytes(bytes: number): string {
  return `${Math.floor(bytes / 1_000_000)} MB`
}
