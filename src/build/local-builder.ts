import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { SluiceError } from '../model/error.ts'
import type { Home } from '../support/home.ts'
import type { Log } from '../support/log.ts'
import { messageOf } from '../support/message-of.ts'
import type { Artifact, ArtifactMeta, ArtifactStore } from './artifact-store.ts'
import { type BuildFolder, makeBuildFolder, removeLeftOvers } from './build-folder.ts'
import { buildKeyOf } from './build-key.ts'
import type { Builder, BuildRequest, BuildResult } from './builder.ts'
import { contentId } from './content-id.ts'
import { assertFreeBytes, explainingFullDisk } from './disk-space.ts'
import { buildLimits } from './limits.ts'
import { buildServices } from './services.ts'
import { copySource, exportTree, treeOfCommit, treeOfWorkingFolder } from './source-export.ts'
import { explainingUnreadable } from './unreadable.ts'

export interface LocalBuilderOptions {
  readonly artifacts: ArtifactStore
  readonly home: Home
  readonly log: Log
  /** Our process' environment; an allow-list of it reaches users' commands. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** The Node that users' commands find first. */
  readonly execPath?: string
  /** A build ends with `DISK_FULL` when less than this is free. */
  readonly minimumFreeBytes?: number
}

/** Builds on this machine, each command in a process group of its own, in a folder that is removed afterwards. */
export function localBuilder(options: LocalBuilderOptions): Builder {
  return new LocalBuilder(options)
}

type Built = Pick<BuildResult, 'artifact' | 'reused'>

class LocalBuilder implements Builder {
  readonly #options: Required<LocalBuilderOptions>
  /** Builds under way by key: a second one of the same waits for the first. */
  readonly #running = new Map<string, Promise<unknown>>()

  constructor(options: LocalBuilderOptions) {
    this.#options = { execPath: process.execPath, minimumFreeBytes: 256 * 1024 * 1024, ...options }
  }

  async build(request: BuildRequest): Promise<BuildResult> {
    const from = performance.now()
    const built = await explainingFullDisk(this.#options.home.root, () =>
      explainingUnreadable(() => this.#build(request)),
    )
    return { ...built, seconds: (performance.now() - from) / 1000 }
  }

  #build(request: BuildRequest): Promise<Built> {
    if (request.artifactDir !== null) return this.#takeIn(request.artifactDir, request)
    if (request.commit === null) return this.#inFolder((folder) => this.#fromPlainFolder(request, folder))
    if (request.dirty) return this.#inFolder((folder) => this.#fromWorkingFolder(request, folder))
    return this.#fromCommit(request, request.commit)
  }

  async #takeIn(directory: string, request: BuildRequest): Promise<Built> {
    const meta = { buildKey: null, description: `output built elsewhere: ${directory}` }
    if ((await readdir(directory).catch(() => ['?'])).length === 0)
      throw new SluiceError('ARTIFACT_INVALID', `${directory} is empty`, { hint: 'build into it first' })
    const artifact = await this.#options.artifacts.add(directory, meta, request).catch((error: unknown) => {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error
      throw new SluiceError('SOURCE_INVALID', `${directory} is not a folder`, { hint: 'name a folder with --artifact' })
    })
    return { artifact, reused: false }
  }

  async #fromCommit(request: BuildRequest, commit: string): Promise<Built> {
    const env = this.#options.environment
    const { projectDir, signal } = request
    const tree = await treeOfCommit(commit, { projectDir, env, signal })
    const meta = { buildKey: this.#keyOf(`git ${tree}`, request), description: `commit ${commit.slice(0, 12)}` }
    return this.#reuseOr(meta, request, () =>
      this.#inFolder(async (folder) => {
        await exportTree({ tree, env }, folder.source, folder.scratch, { projectDir, env, signal })
        return this.#make(meta, request, folder)
      }),
    )
  }

  /** Changes that are committed later give the same tree, so the commit finds what is built here. */
  async #fromWorkingFolder(request: BuildRequest, folder: BuildFolder): Promise<Built> {
    const options = { projectDir: request.projectDir, env: this.#options.environment, signal: request.signal }
    const tree = await treeOfWorkingFolder(folder.scratch, options)
    const meta = {
      buildKey: this.#keyOf(`git ${tree.tree}`, request),
      description: `commit ${request.commit?.slice(0, 12)} with changes`,
    }
    return this.#reuseOr(meta, request, async () => {
      await exportTree(tree, folder.source, folder.scratch, options)
      return this.#make(meta, request, folder)
    })
  }

  async #fromPlainFolder(request: BuildRequest, folder: BuildFolder): Promise<Built> {
    // A folder inside our home came over the network, and is nothing else.
    const own = this.#options.home.root
    await copySource(request.projectDir, folder.source, request.projectDir.startsWith(join(own, '/')) ? [] : [own])
    const { tree } = request
    const source = tree === undefined ? `folder ${await contentId(folder.source)}` : `git ${tree}`
    const meta = {
      buildKey: this.#keyOf(source, request),
      description: 'a folder that is not under git',
    }
    return this.#reuseOr(meta, request, () => this.#make(meta, request, folder))
  }

  #keyOf(source: string, request: BuildRequest): string {
    return buildKeyOf(source, request, process.version)
  }

  async #reuseOr(meta: ArtifactMeta, request: BuildRequest, make: () => Promise<Built>): Promise<Built> {
    const key = meta.buildKey ?? ''
    for (;;) {
      const known = await this.#options.artifacts.find(key)
      if (known !== null && known.bytes <= request.maxBytes) return { artifact: known, reused: true }
      const running = this.#running.get(key)
      if (running === undefined) break
      request.onLine('the same source is being built already: waiting for it')
      await abortable(running, request.signal)
    }
    const made = make()
    const settled = made.catch(() => {}).finally(() => this.#running.delete(key))
    this.#running.set(key, settled)
    return made
  }

  async #make(meta: ArtifactMeta, request: BuildRequest, folder: BuildFolder): Promise<Built> {
    const { home, environment, execPath, minimumFreeBytes, artifacts } = this.#options
    const { signal, done } = buildLimits({ ...request, folder: home.builds, minimumFreeBytes })
    try {
      await assertFreeBytes(home.builds, minimumFreeBytes)
      await buildServices({ request, folder, signal, caches: home.cache, environment, execPath })
      signal.throwIfAborted()
      const artifact: Artifact = await artifacts.add(folder.artifact, meta, request)
      return { artifact, reused: false }
    } finally {
      done()
    }
  }

  async #inFolder(work: (folder: BuildFolder) => Promise<Built>): Promise<Built> {
    const { home, log } = this.#options
    await mkdir(home.cache, { recursive: true })
    await removeLeftOvers(home.builds)
    const folder = await makeBuildFolder(home.builds)
    try {
      return await work(folder)
    } finally {
      await folder.remove().catch((error: unknown) => log.warn(`a build folder stays behind: ${messageOf(error)}`))
    }
  }
}

async function abortable(promise: Promise<unknown>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  await new Promise<void>((resolve, reject) => {
    const onAbort = () => reject(signal.reason as Error)
    signal.addEventListener('abort', onAbort, { once: true })
    void promise.finally(() => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    })
  })
}
