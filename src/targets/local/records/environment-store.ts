import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { RetainedAssets } from '../../../edge/edge.ts'
import type { EdgeSettings } from '../../../edge/edge-settings.ts'
import { SluiceError } from '../../../model/error.ts'
import type { ReleaseRecord } from '../../../model/release.ts'
import type { TrafficSplit } from '../../../model/traffic-split.ts'
import { writeFileAtomic } from '../../../support/atomic-file.ts'
import { diskFull } from './disk-full.ts'

/** What the machine cannot tell: which releases there are, which instances are wanted, and how traffic was split last. */
export interface StoredEnvironment {
  readonly v: 2
  readonly environment: string
  readonly fence: number
  /** As last applied; the edge's own word goes before it. Null: nothing was ever routed. */
  readonly split: TrafficSplit | null
  readonly previewKey: string
  /** Oldest first. */
  readonly releases: readonly StoredRelease[]
  /** Of all releases above and of the last retired ones, newest first. */
  readonly assets: readonly RetainedAssets[]
}

export interface StoredRelease {
  readonly record: ReleaseRecord
  /** Folder with the artifact's files. */
  readonly tree: string
  /** Ids of the instances that should run. */
  readonly desired: readonly string[]
  /** Per service, given once: running instances know their siblings by it. */
  readonly internalPorts: Readonly<Record<string, number>>
}

const FILE = 'environment.json'

/** One file per environment, `<instances>/<environment>/environment.json`; we are its only writer. */
export class EnvironmentStore {
  readonly #directory: string
  readonly #known = new Map<string, StoredEnvironment>()
  readonly #writing = new Map<string, Promise<unknown>>()

  private constructor(directory: string) {
    this.#directory = directory
  }

  /** A damaged file is an error: to start empty over it would forget what serves users. */
  static async open(directory: string): Promise<EnvironmentStore> {
    const store = new EnvironmentStore(directory)
    const entries = await readdir(directory, { withFileTypes: true }).catch(() => [])
    for (const entry of entries.filter((each) => each.isDirectory() && !each.name.startsWith('.'))) {
      const stored = await readEnvironment(join(directory, entry.name, FILE))
      if (stored !== null) store.#known.set(stored.environment, stored)
    }
    return store
  }

  get environments(): readonly StoredEnvironment[] {
    return [...this.#known.values()]
  }

  get(environment: string): StoredEnvironment | null {
    return this.#known.get(environment) ?? null
  }

  release(environment: string, release: string): StoredRelease | null {
    return this.get(environment)?.releases.find(({ record }) => record.id === release) ?? null
  }

  /** One change after the other; resolves when it is on disk. */
  update(environment: string, change: (stored: StoredEnvironment) => StoredEnvironment): Promise<StoredEnvironment> {
    const before = this.#writing.get(environment) ?? Promise.resolve()
    const writing = before.catch(() => {}).then(() => this.#write(environment, change))
    this.#writing.set(environment, writing)
    return writing
  }

  updateRelease(environment: string, release: string, change: (stored: StoredRelease) => StoredRelease) {
    return this.update(environment, (stored) => ({
      ...stored,
      releases: stored.releases.map((each) => (each.record.id === release ? change(each) : each)),
    }))
  }

  async #write(environment: string, change: (stored: StoredEnvironment) => StoredEnvironment) {
    const before = this.#known.get(environment) ?? emptyEnvironment(environment)
    const after = change(before)
    if (after === before) return before
    const folder = join(this.#directory, environment)
    try {
      await mkdir(folder, { recursive: true })
      await writeFileAtomic(join(folder, FILE), JSON.stringify(after), { mode: 0o600 })
    } catch (error) {
      throw diskFull(error) ?? error
    }
    this.#known.set(environment, after)
    return after
  }
}

function emptyEnvironment(environment: string): StoredEnvironment {
  const previewKey = randomBytes(16).toString('hex')
  return { v: 2, environment, fence: 0, split: null, previewKey, releases: [], assets: [] }
}

async function readEnvironment(file: string): Promise<StoredEnvironment | null> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
  try {
    return upgraded(JSON.parse(text) as StoredEnvironment | FirstEnvironment)
  } catch (cause) {
    throw new SluiceError('UNEXPECTED', `${file} is damaged`, {
      cause,
      hint: 'restore it from a backup, or move it away to start without what it knew (instances stay as they are)',
    })
  }
}

/** As the first version wrote it: what is the place's own stood in the record itself. */
interface FirstEnvironment extends Omit<StoredEnvironment, 'v' | 'releases'> {
  readonly v: 1
  readonly releases: readonly (Omit<StoredRelease, 'record'> & { readonly record: FirstRecord })[]
}

type FirstRecord = Omit<ReleaseRecord, 'target' | 'keepAssetsOfReleases'> & {
  readonly edge: EdgeSettings & { readonly keepAssetsOfReleases: number }
}

function upgraded(stored: StoredEnvironment | FirstEnvironment): StoredEnvironment {
  if (stored.v === 2) return stored
  const releases = stored.releases.map((release) => {
    const { edge, ...record } = release.record
    const { keepAssetsOfReleases, ...settings } = edge
    const target = { name: 'local', settings: { edge: settings } }
    return { ...release, record: { ...record, target, keepAssetsOfReleases } }
  })
  return { ...stored, v: 2, releases }
}
