import { existsSync } from 'node:fs'
import { chmod, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SluiceError } from '../../model/error.ts'
import { writeFileAtomic } from '../../support/atomic-file.ts'

/** One cluster of an environment. A restore makes a new one beside the others; a switch says which serves. */
export interface Generation {
  readonly number: number
  /** Absolute folder of the cluster. */
  readonly directory: string
  readonly madeAt: string
}

/** The clusters of one environment, as `generations.json` tells: replaced as one, so that a crash leaves the old or the new. */
export interface Generations {
  /** All of them, oldest first; empty: no database was made yet. Writes nothing. */
  list(): Promise<readonly Generation[]>
  /** The one that serves; null: none yet. Writes nothing. */
  current(): Promise<Generation | null>
  /** The one that serves, the first when there is none. */
  ensure(): Promise<Generation>
  /** A folder for another cluster; what serves goes on serving. */
  add(): Promise<Generation>
  /** Makes it the one that serves. The clusters themselves are not touched. */
  switchTo(number: number): Promise<Generation>
}

interface Stored {
  readonly current: number
  /** Folders are named from the environment's own. */
  readonly generations: readonly { readonly number: number; readonly folder: string; readonly madeAt: string }[]
}

/** One writer at a time is assumed: the control plane that holds the home. */
export function generationsIn(directory: string): Generations {
  const file = join(directory, 'generations.json')

  const read = async (): Promise<Stored | null> => {
    try {
      return JSON.parse(await readFile(file, 'utf8')) as Stored
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return clusterFromBefore(directory)
      throw new SluiceError('UNEXPECTED', `${file} cannot be read: it says which cluster of the database serves`, {
        hint: 'restore it from a backup of SLUICE_HOME; the data itself lies in the folders beside it',
        cause: error,
      })
    }
  }
  const write = async (stored: Stored): Promise<Stored> => {
    await mkdir(directory, { recursive: true, mode: 0o711 })
    // The user who runs the server passes through, whatever our umask is.
    await chmod(directory, 0o711)
    await writeFileAtomic(file, JSON.stringify(stored, null, 2))
    return stored
  }
  const generationOf = (stored: Stored, number: number): Generation => {
    const found = stored.generations.find((generation) => generation.number === number)
    if (found !== undefined) return { ...found, directory: join(directory, found.folder) }
    throw new SluiceError('NOT_FOUND', `there is no generation ${number} of the database in ${directory}`, {
      hint: `it has ${stored.generations.map((generation) => generation.number).join(', ')}`,
    })
  }

  return {
    async list() {
      const stored = await read()
      return stored === null ? [] : stored.generations.map(({ number }) => generationOf(stored, number))
    },
    async current() {
      const stored = await read()
      return stored === null ? null : generationOf(stored, stored.current)
    },
    async ensure() {
      const stored = existsSync(file) ? await read() : null
      const whole = stored ?? (await write((await read()) ?? withAnother({ current: 1, generations: [] })))
      return generationOf(whole, whole.current)
    },
    async add() {
      const before = await read()
      const stored = await write(withAnother(before ?? { current: 1, generations: [] }))
      return generationOf(stored, Math.max(...stored.generations.map(({ number }) => number)))
    },
    async switchTo(number) {
      const stored = await read()
      const known = stored ?? { current: 0, generations: [] }
      const chosen = generationOf(known, number)
      await write({ ...known, current: number })
      return chosen
    },
  }
}

function withAnother(stored: Stored): Stored {
  const number = 1 + Math.max(0, ...stored.generations.map((generation) => generation.number))
  const generation = { number, folder: `g${number}`, madeAt: new Date().toISOString() }
  return { ...stored, generations: [...stored.generations, generation] }
}

/**
 * Before there were generations the cluster lay in the environment's folder itself. It is the first one and stays where
 * it is: the folder of a running server cannot be renamed.
 */
function clusterFromBefore(directory: string): Stored | null {
  const hasCluster = ['password', 'data', 'elsewhere'].some((name) => existsSync(join(directory, name)))
  if (!hasCluster) return null
  return { current: 1, generations: [{ number: 1, folder: '.', madeAt: new Date(0).toISOString() }] }
}
