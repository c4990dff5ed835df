import { access } from 'node:fs/promises'
import { dirname } from 'node:path'

/** The folder itself, or the closest one above it that is there. */
export async function nearestExisting(folder: string): Promise<string> {
  try {
    await access(folder)
    return folder
  } catch {
    return folder === dirname(folder) ? folder : nearestExisting(dirname(folder))
  }
}
