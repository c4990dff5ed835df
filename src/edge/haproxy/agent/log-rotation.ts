import { copyFile, stat, truncate } from 'node:fs/promises'

const MAX_BYTES = 8 * 1024 * 1024

/** Keeps a log that others append to below 16 MB: what it has becomes `<file>.1`, and writing goes on at its start. */
export async function rotateLog(file: string, maxBytes = MAX_BYTES): Promise<void> {
  const size = (await stat(file).catch(() => null))?.size ?? 0
  if (size < maxBytes) return
  await copyFile(file, `${file}.1`)
  await truncate(file, 0)
}
