import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomic } from '../../../support/atomic-file.ts'

const NAME = 'haproxy-program'

/** Notes which HAProxy the agents of this directory are to run, also the ones that come later. */
export function chooseProgram(directory: string, path: string): Promise<void> {
  return writeFileAtomic(join(directory, NAME), path, { mode: 0o600 })
}

/** Undefined: the first one on PATH. */
export async function chosenProgram(directory: string): Promise<string | undefined> {
  const path = await readFile(join(directory, NAME), 'utf8').catch(() => '')
  return path.trim() === '' ? undefined : path.trim()
}
