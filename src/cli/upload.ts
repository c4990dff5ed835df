import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, mkdtemp, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { ApiClient } from '../api/client/client.ts'
import { gitOutput } from '../build/git.ts'
import { describeSource } from '../build/source.ts'
import { copySource, exportTree, treeOfWorkingFolder } from '../build/source-export.ts'
import type { CommitProof, Source } from '../model/source.ts'
import { packFolder } from '../sources/bundle.ts'
import { describeRevision, type GitCall } from '../sources/revision.ts'
import { removeFolder } from '../support/remove-folder.ts'
import type { Context } from './command.ts'

export interface UploadWish {
  /** The configuration file: its folder is the project. */
  readonly file: string
  /** A commit instead of the working tree. */
  readonly revision?: string
  /** Output that was built elsewhere. */
  readonly artifact?: string
}

/**
 * Sends the project to a control plane elsewhere: a commit as it is (the one of the working tree, where nothing in it
 * changed), else the working tree as git sees it, or a folder without git.
 */
export async function uploadedSource(client: ApiClient, wish: UploadWish, context: Context): Promise<Source> {
  const { file, artifact } = wish
  const scratch = await mkdtemp(join(tmpdir(), 'sluice-upload-'))
  try {
    const folder = join(scratch, 'source')
    await mkdir(folder)
    const commit = await exported(wish, folder, scratch, context)
    const upload = await sent(client, folder, join(scratch, 'source.bundle'), context)
    const output = artifact === undefined ? null : await sent(client, artifact, join(scratch, 'output.bundle'), context)
    return {
      kind: 'upload',
      upload,
      config: basename(file),
      ...(commit === null ? {} : { commit }),
      ...(output === null ? {} : { artifact: output }),
    }
  } finally {
    await removeFolder(scratch)
  }
}

/** Writes what is to be sent into the folder; the proof that it is a commit, where it is one. */
async function exported(
  { file, revision }: UploadWish,
  folder: string,
  scratch: string,
  { environment, interrupted }: Context,
): Promise<CommitProof | null> {
  const projectDir = dirname(file)
  const call = { cwd: projectDir, env: environment, signal: interrupted }
  const options = { projectDir, env: environment, signal: interrupted }
  const described =
    revision === undefined ? await describeSource(projectDir, environment) : await describeRevision(revision, call)
  const { commit, dirty } = described
  if (commit === null) {
    await copySource(projectDir, folder, [])
    return null
  }
  if (dirty) {
    await exportTree(await treeOfWorkingFolder(scratch, options), folder, scratch, options)
    return null
  }
  const { trees, tree, object } = await proofOf(commit, call)
  await exportTree({ tree, env: environment }, folder, scratch, options)
  return { object, trees }
}

/** The commit and the trees down to the project folder, as git keeps them. */
async function proofOf(commit: string, call: GitCall): Promise<CommitProof & { readonly tree: string }> {
  const ask = (args: readonly string[]) => gitOutput(args, call, `cannot read ${commit.slice(0, 12)}`)
  const [prefix, object] = await Promise.all([
    ask(['rev-parse', '--show-prefix']),
    gitOutput(['cat-file', 'commit', commit], { ...call, isExact: true }, `cannot read ${commit.slice(0, 12)}`),
  ])
  const trees: CommitProof['trees'][number][] = []
  let tree = await ask(['rev-parse', '--verify', `${commit}^{tree}`])
  for (const folder of prefix.split('/').filter((part) => part !== '')) {
    const lines = (await ask(['ls-tree', '-z', '--full-tree', tree])).split('\0').filter((line) => line !== '')
    const entries = lines.map((line) => {
      const [, mode = '', id = '', name = ''] = /^(\d+) \w+ ([0-9a-f]+)\t([^]*)$/.exec(line) ?? []
      return [mode, name, id] as const
    })
    trees.push({ entries, folder })
    tree = entries.find(([, name]) => name === folder)?.[2] ?? tree
  }
  return { object, trees, tree }
}

async function sent(client: ApiClient, folder: string, bundle: string, context: Context): Promise<string> {
  await packFolder(folder, bundle, context.interrupted)
  const [{ size }, sha256] = await Promise.all([stat(bundle), sha256Of(bundle)])
  if (context.output === 'text') context.say(`sending ${megabytes(size)} …`)
  return client.upload(bundle, { bytes: size, sha256 }, context.interrupted)
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(1)} MB`
}
