import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomic } from '../support/atomic-file.ts'
import type { Artifact } from './artifact-store.ts'
import type { ManifestEntry } from './manifest.ts'

/** An entry with the time stamp that its stored file had: not part of the artifact's name. */
export type RecordedEntry = ManifestEntry & { readonly mtimeMs?: number }

/**
 * What is known about artifacts, as files: `manifests/<id>` first, then `records/<id>.json`, by which it exists,
 * then `keys/<build key>`. A crash between them leaves nothing half visible.
 */
export class ArtifactRecords {
  readonly #directory: string

  constructor(directory: string) {
    this.#directory = directory
  }

  async write(artifact: Artifact, entries: readonly RecordedEntry[]): Promise<void> {
    for (const folder of ['manifests', 'records', 'keys'])
      await mkdir(join(this.#directory, folder), { recursive: true })
    await writeFileAtomic(this.#manifest(artifact.id), entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''))
    await writeFileAtomic(this.#record(artifact.id), JSON.stringify(artifact))
    if (artifact.buildKey !== null) await writeFileAtomic(this.#key(artifact.buildKey), artifact.id)
  }

  async read(id: string): Promise<Artifact | null> {
    if (!/^[0-9a-f]{64}$/.test(id)) return null
    const text = await textOf(this.#record(id))
    return text === null ? null : (JSON.parse(text) as Artifact)
  }

  async entries(id: string): Promise<readonly RecordedEntry[]> {
    const text = (await textOf(this.#manifest(id))) ?? ''
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as RecordedEntry)
  }

  async byKey(buildKey: string): Promise<Artifact | null> {
    if (!/^[0-9a-f]{64}$/.test(buildKey)) return null
    const id = await textOf(this.#key(buildKey))
    return id === null ? null : this.read(id)
  }

  /** Newest first. */
  async all(): Promise<readonly Artifact[]> {
    const names = await readdir(join(this.#directory, 'records')).catch(() => [])
    const ids = names.filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -'.json'.length))
    const artifacts = (await Promise.all(ids.map((id) => this.read(id)))).filter((artifact) => artifact !== null)
    return artifacts.toSorted((a, b) => (a.createdAt < b.createdAt ? 1 : -1))
  }

  /** The record goes first: without it the artifact does not exist. */
  async remove(id: string): Promise<void> {
    await rm(this.#record(id), { force: true })
    await rm(this.#manifest(id), { force: true })
    for (const key of await readdir(join(this.#directory, 'keys')).catch(() => []))
      if ((await textOf(this.#key(key))) === id) await rm(this.#key(key), { force: true })
  }

  #record = (id: string) => join(this.#directory, 'records', `${id}.json`)
  #manifest = (id: string) => join(this.#directory, 'manifests', id)
  #key = (buildKey: string) => join(this.#directory, 'keys', buildKey)
}

async function textOf(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}
