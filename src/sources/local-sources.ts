import { stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { describeSource } from '../build/source.ts'
import { type LoadedConfig, loadConfig } from '../config/load.ts'
import { resolveConfig } from '../config/resolve.ts'
import type { DeployOrder, DeployRequest, OrderedSource } from '../model/deploy-request.ts'
import { SluiceError } from '../model/error.ts'
import type { ResolvedConfig } from '../model/resolved-config.ts'
import type { CommitProof, Source } from '../model/source.ts'
import { inCommit } from './commit-folder.ts'
import { provenCommit, treeOfFolder } from './commit-proof.ts'
import { describeRevision, repositoryOf } from './revision.ts'
import type { ReadOptions, ReadSource, Sources } from './sources.ts'
import type { Uploads } from './uploads.ts'

export interface LocalSourcesOptions {
  /** Where commits are written to be read; of the builder. */
  readonly builds: string
  readonly uploads: Uploads
  /** Our process' environment: git gets it, the user's code does not. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** What users' commands inherit (`userEnvironment`). */
  readonly userEnvironment: Readonly<Record<string, string>>
}

const CONFIG_MS = 10_000

/** Sources that are on this machine. */
export function localSources(options: LocalSourcesOptions): Sources {
  return new LocalSources(options)
}

class LocalSources implements Sources {
  readonly #options: LocalSourcesOptions

  constructor(options: LocalSourcesOptions) {
    this.#options = options
  }

  async read(request: DeployRequest, options: ReadOptions): Promise<ReadSource> {
    const { source } = request
    switch (source.kind) {
      case 'commit':
        return this.#readCommit(request, source, options)
      case 'folder':
        return this.#readFolder(request, source, options)
      case 'upload':
        return this.#readUpload(request, source, options)
      case 'images':
        throw new SluiceError('SOURCE_INVALID', 'no target here runs images', {
          hint: 'deploy a commit or a folder: the control plane builds it',
        })
      case 'release':
        throw new SluiceError('SOURCE_INVALID', `nothing is kept of what ${source.release} was made from`)
      default:
        return source satisfies never
    }
  }

  async readAgain(request: DeployRequest, origin: DeployOrder, options: ReadOptions): Promise<ReadSource> {
    if (request.source.kind !== 'release') return this.read(request, options)
    const { release } = request.source
    const { commit, branch, subject, dirty } = origin.source
    const source = { commit, branch, subject, dirty, artifactDir: null, release }
    if (origin.document !== undefined) {
      const loaded = { document: origin.document, file: 'sluice.config', isFunction: false, printed: '' }
      const order = this.#order(request, { ...loaded, projectDir: origin.projectDir }, origin.projectDir, source)
      return { order, repository: null, printed: '' }
    }
    if (commit === null || dirty) {
      throw new SluiceError('SOURCE_INVALID', `${release} was made from changes that no commit holds`, {
        hint: 'its configuration is not known for another environment: deploy the commit there',
      })
    }
    const commitSource = { kind: 'commit', directory: origin.projectDir, revision: commit } as const
    const { order, ...rest } = await this.#readCommit(request, commitSource, options)
    return { ...rest, order: { ...order, source: { ...order.source, branch, release } } }
  }

  async #readFolder(
    request: DeployRequest,
    source: Extract<Source, { kind: 'folder' }>,
    { signal }: ReadOptions,
  ): Promise<ReadSource> {
    const { directory, config, artifact } = source
    await assertFolder(directory)
    const call = { cwd: directory, env: this.#options.environment, ...(signal === undefined ? {} : { signal }) }
    const [loaded, described, repository] = await allOrFirst([
      this.#load(directory, config, request, signal),
      describeSource(directory, this.#options.environment),
      repositoryOf(call),
    ])
    const order = this.#order(request, loaded, directory, { ...described, artifactDir: artifact ?? null })
    assertClean(order)
    return { order, repository, printed: loaded.printed }
  }

  async #readCommit(
    request: DeployRequest,
    source: Extract<Source, { kind: 'commit' }>,
    { knownDirectory, signal }: ReadOptions,
  ): Promise<ReadSource> {
    const directory = source.directory ?? knownDirectory
    if (directory === null) {
      throw new SluiceError('SOURCE_INVALID', `nobody knows where ${request.project ?? 'the project'} is`, {
        hint: 'deploy it from its folder once, or name the folder',
      })
    }
    await assertFolder(directory)
    const call = { cwd: directory, env: this.#options.environment, ...(signal === undefined ? {} : { signal }) }
    const described = await describeRevision(source.revision, call)
    const commit = described.commit ?? source.revision
    const [loaded, repository] = await allOrFirst([
      inCommit(commit, { ...call, builds: this.#options.builds }, (folder) =>
        this.#load(folder, source.config, request, signal),
      ),
      repositoryOf(call),
    ])
    const order = this.#order(request, loaded, directory, { ...described, artifactDir: null })
    return { order, repository, printed: loaded.printed }
  }

  async #readUpload(
    request: DeployRequest,
    { upload, config, commit, artifact }: Extract<Source, { kind: 'upload' }>,
    { signal }: ReadOptions,
  ): Promise<ReadSource> {
    const { uploads, builds, environment: env } = this.#options
    const folder = await uploads.folder(upload)
    const artifactDir = artifact === undefined ? null : await uploads.folder(artifact)
    const call = { scratch: builds, env, isSha256: false, ...(signal === undefined ? {} : { signal }) }
    const [loaded, tree] = await allOrFirst([
      this.#load(folder, config, request, signal),
      commit === undefined ? null : treeOfFolder(folder, { ...call, isSha256: isSha256(commit) }),
    ])
    const proven = commit === undefined || tree === null ? null : provenCommit(commit, tree)
    const order = this.#order(request, loaded, folder, {
      commit: proven?.commit ?? null,
      branch: null,
      subject: proven?.subject ?? null,
      // Who sends something else than a commit may have changed anything.
      dirty: proven === null,
      artifactDir,
      upload,
      ...(tree === null ? {} : { tree }),
    })
    assertClean(order)
    assertNamesNothingIn(folder, order)
    return { order, repository: null, printed: loaded.printed }
  }

  #load(
    folder: string,
    config: string | undefined,
    { environment, variables = {} }: DeployRequest,
    signal: AbortSignal | undefined,
  ): Promise<LoadedConfig> {
    return loadConfig({
      cwd: folder,
      isHereOnly: true,
      environment,
      deadlineMs: CONFIG_MS,
      // Ours win: what a client names must not change which programs are run.
      env: { ...variables, ...this.#options.userEnvironment, NODE_OPTIONS: undefined },
      ...(config === undefined ? {} : { file: join(folder, config) }),
      ...(signal === undefined ? {} : { signal }),
    })
  }

  #order(request: DeployRequest, loaded: LoadedConfig, projectDir: string, source: OrderedSource): DeployOrder {
    const { document, file, isFunction } = loaded
    const config = resolveConfig(document, request.environment, { projectDir, file: basename(file) })
    assertProject(config, request, basename(file))
    return {
      config,
      projectDir,
      source,
      replace: request.replace,
      ...(isFunction ? {} : { document }),
    }
  }
}

async function assertFolder(directory: string): Promise<void> {
  if ((await stat(directory).catch(() => null))?.isDirectory() === true) return
  throw new SluiceError('SOURCE_INVALID', `there is no folder ${directory} on the control plane’s machine`, {
    hint: 'name a folder that is there',
  })
}

function assertProject({ project, environment }: ResolvedConfig, request: DeployRequest, file: string): void {
  if (request.project === undefined || request.project === project) return
  const named = `${request.project}.${environment}`
  throw new SluiceError('ENVIRONMENT_UNKNOWN', `${file} is of ${project}: it has no ${named}`, {
    hint: `did you mean ${project}.${environment}? Another project is deployed from its own folder, or with --config`,
  })
}

/** Output that was built elsewhere comes from no commit anyway. */
function assertClean({ config, source }: DeployOrder): void {
  if (!config.requireClean || !source.dirty || source.artifactDir !== null) return
  const isUpload = source.upload !== undefined
  throw new SluiceError(
    'TREE_DIRTY',
    isUpload ? 'nothing proves that the upload is a commit' : 'the working tree has changes that no commit holds',
    {
      hint: `${isUpload ? 'deploy a commit' : 'commit them'}, or set requireClean: false for ${config.environment}`,
    },
  )
}

/** The upload is removed some day; what a release needs for as long as it is served must not stand in it. */
function assertNamesNothingIn(folder: string, { config }: DeployOrder): void {
  if (!JSON.stringify(config.target).includes(folder)) return
  throw new SluiceError('CONFIG_INVALID', 'certificates of a control plane elsewhere are files of its machine', {
    hint: 'name them by an absolute path there',
  })
}

function isSha256({ object }: CommitProof): boolean {
  return /^tree [0-9a-f]{64}\n/.test(object)
}

/** Like `Promise.all`, but waits for all: nothing goes on behind the back of who was told of the first failure. */
async function allOrFirst<Values extends readonly unknown[]>(
  work: {
    readonly [Index in keyof Values]: Promise<Values[Index]> | Values[Index]
  },
): Promise<Values> {
  await Promise.allSettled(work)
  return Promise.all(work) as unknown as Promise<Values>
}
