import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { SluiceError } from '../model/error.ts'
import { run } from '../support/run.ts'
import { ArtifactRecords, type RecordedEntry } from './artifact-records.ts'
import type { Artifact, ArtifactMeta, ArtifactStore } from './artifact-store.ts'
import { assertFreeBytes, explainingFullDisk } from './disk-space.ts'
import { FileStore } from './file-store.ts'
import { listFolder, type ManifestEntry, manifestId, sortEntries } from './manifest.ts'
import { forEachParallel } from './pool.ts'
import { ArtifactTrees } from './trees.ts'

export interface FileArtifactStoreOptions {
  /** Contents and records. */
  readonly directory: string
  /** Unpacked artifacts. On the same disk they cost nothing: they are hard links. */
  readonly trees: string
  /** Artifacts added or asked for within this time are not pruned: their release record may just be being written. */
  readonly protectMs?: number
}

export function fileArtifactStore(options: FileArtifactStoreOptions): ArtifactStore {
  return new FileArtifactStore(options)
}

/**
 * Files in a tree are read-only (0444, 0555) links into the store, in folders that are read-only too. Who can write all the
 * same (root, an owner who opens them) would change the stored file, and all releases that share it: `tree` therefore
 * compares size and time of every file before a fleet is started from it, and refuses a changed one. What sets the time
 * back on purpose is not seen.
 */
class FileArtifactStore implements ArtifactStore {
  readonly #directory: string
  readonly #protectMs: number
  readonly #files: FileStore
  readonly #records: ArtifactRecords
  readonly #trees: ArtifactTrees
  readonly #touched = new Map<string, number>()
  #writing: Promise<unknown> = Promise.resolve()

  constructor({ directory, trees, protectMs = 10 * 60_000 }: FileArtifactStoreOptions) {
    this.#directory = directory
    this.#protectMs = protectMs
    this.#files = new FileStore(directory)
    this.#records = new ArtifactRecords(directory)
    this.#trees = new ArtifactTrees(trees, this.#files)
  }

  add(directory: string, meta: ArtifactMeta, { maxBytes }: { readonly maxBytes: number }): Promise<Artifact> {
    return this.#exclusively(() =>
      explainingFullDisk(this.#directory, async () => {
        const found = await listFolder(directory, maxBytes)
        await mkdir(this.#directory, { recursive: true, mode: 0o755 })
        await assertFreeBytes(this.#directory, found.bytes)
        const times = new Map<string, number>()
        const entries: ManifestEntry[] = [...found.others]
        await forEachParallel(found.files, 8, async ({ path, executable, size }) => {
          const stored = await this.#files.put(join(directory, path), { executable, size })
          times.set(path, stored.mtimeMs)
          entries.push({ type: 'file', path, executable, size: stored.size, hash: stored.hash })
        })
        const sorted = sortEntries(entries)
        const artifact: Artifact = {
          id: manifestId(sorted),
          files: found.files.length,
          bytes: found.bytes,
          createdAt: new Date().toISOString(),
          buildKey: meta.buildKey,
          description: meta.description,
        }
        await flushToDisk(this.#directory)
        await this.#records.write(
          artifact,
          sorted.map((entry) => withTime(entry, times.get(entry.path))),
        )
        this.#touch(artifact.id)
        return artifact
      }),
    )
  }

  async get(id: string): Promise<Artifact | null> {
    const artifact = await this.#records.read(id)
    if (artifact !== null) this.#touch(id)
    return artifact
  }

  async find(buildKey: string): Promise<Artifact | null> {
    const artifact = await this.#records.byKey(buildKey)
    if (artifact !== null) this.#touch(artifact.id)
    return artifact
  }

  async tree(id: string): Promise<string> {
    if ((await this.get(id)) === null)
      throw new SluiceError('ARTIFACT_MISSING', `artifact ${id.slice(0, 12)} is not here any more`, {
        hint: 'deploy its commit again: that builds it anew',
      })
    try {
      return await explainingFullDisk(this.#directory, () => this.#trees.ensure(id, () => this.#records.entries(id)))
    } catch (error) {
      // The next deployment of the same source builds it again instead of finding the damaged one.
      if (error instanceof SluiceError && error.code === 'ARTIFACT_MISSING') await this.#records.remove(id)
      throw error
    }
  }

  prune({ keep, inUse }: { readonly keep: number; readonly inUse: readonly string[] }): Promise<readonly string[]> {
    return this.#exclusively(async () => {
      const needed = new Set(inUse)
      const all = await this.#records.all()
      const doomed = all.filter(({ id }, index) => index >= keep && !needed.has(id) && !this.#isTouched(id))
      for (const { id } of doomed) await this.#records.remove(id)
      const kept = new Set((await this.#records.all()).map(({ id }) => id))
      await this.#trees.sweep((id) => kept.has(id))
      await this.#sweepFiles(kept)
      return doomed.map(({ id }) => id)
    })
  }

  async #sweepFiles(kept: ReadonlySet<string>): Promise<void> {
    const used = new Set<string>()
    for (const id of kept) {
      for (const entry of await this.#records.entries(id))
        if (entry.type === 'file') used.add(entry.executable ? `${entry.hash}.x` : entry.hash)
    }
    await this.#files.sweep((name) => used.has(name))
    for (const id of await readdir(join(this.#directory, 'manifests')).catch(() => []))
      if (!kept.has(id)) await rm(join(this.#directory, 'manifests', id), { force: true })
  }

  /** Writers and the sweeper take turns: a file that was just stored is not yet in any record. */
  #exclusively<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#writing.then(work)
    this.#writing = result.catch(() => {})
    return result
  }

  #touch(id: string): void {
    this.#touched.set(id, performance.now())
  }

  #isTouched(id: string): boolean {
    return performance.now() - (this.#touched.get(id) ?? -Infinity) < this.#protectMs
  }
}

function withTime(entry: ManifestEntry, mtimeMs: number | undefined): RecordedEntry {
  return mtimeMs === undefined ? entry : { ...entry, mtimeMs }
}

/** One flush for thousands of files; where `sync` cannot do that, sizes are still compared before a tree is used. */
async function flushToDisk(directory: string): Promise<void> {
  await run(['sync', '-f', directory], { timeoutMs: 60_000 }).catch(() => {})
}
