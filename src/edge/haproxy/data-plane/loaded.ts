import { readFile } from 'node:fs/promises'
import { writeFileAtomic } from '../../../support/atomic-file.ts'
import { isAlive, type ProcessIdentity } from '../../../support/process-identity.ts'
import type { Pool } from '../pool.ts'

/** What HAProxy was given last, so that the next agent adopts it as it is. */
export interface Loaded {
  readonly master: ProcessIdentity | null
  /** Workers serve on when their master is killed. */
  readonly workers: readonly ProcessIdentity[]
  readonly generation: number
  /** Where the log goes, and the secret that its lines begin with. */
  readonly ring: { readonly port: number; readonly mark: string }
  readonly sections: readonly (readonly [string, string])[]
  readonly pool: Pool
  /** Instances being drained, `<environment> <instance>`. */
  readonly draining: readonly string[]
}

const nothingLoaded: Loaded = {
  master: null,
  workers: [],
  generation: 0,
  ring: { port: 0, mark: '' },
  sections: [],
  pool: [],
  draining: [],
}

/** A record that cannot be read only costs a restart of HAProxy by the route tables, which are kept elsewhere. */
export async function readLoaded(file: string): Promise<Loaded> {
  try {
    return { ...nothingLoaded, ...(JSON.parse(await readFile(file, 'utf8')) as Loaded) }
  } catch {
    return nothingLoaded
  }
}

export function writeLoaded(file: string, loaded: Loaded): Promise<void> {
  return writeFileAtomic(file, JSON.stringify(loaded), { mode: 0o600 })
}

export function livingWorkers({ workers }: Loaded): number[] {
  return workers.filter(isAlive).map(({ pid }) => pid)
}
