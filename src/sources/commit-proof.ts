import { createHash } from 'node:crypto'
import { mkdir, mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { gitOutput } from '../build/git.ts'
import type { CommitProof } from '../model/source.ts'
import { removeFolder } from '../support/remove-folder.ts'

export interface ProvenCommit {
  readonly commit: string
  readonly subject: string
  /** Name of the folder's content: a git tree. */
  readonly tree: string
}

/**
 * What `commit` says of the folder, if it is true: that its content is the one of a commit. Every name in git is the hash of
 * what it names, so the commit and the trees above the folder prove it, whoever sent them. Null: it is not proven.
 */
export function provenCommit({ object, trees }: CommitProof, tree: string): ProvenCommit | null {
  const algorithm = tree.length === 64 ? 'sha256' : 'sha1'
  const content = Buffer.from(object)
  const commit = nameOf('commit', content, algorithm)
  let expected = /^tree ([0-9a-f]+)\n/.exec(object)?.[1]
  for (const { entries, folder } of trees) {
    const bytes = Buffer.concat(
      entries.flatMap(([mode, name, id]) => [
        Buffer.from(`${mode.replace(/^0+/, '')} ${name}\0`),
        Buffer.from(id, 'hex'),
      ]),
    )
    if (nameOf('tree', bytes, algorithm) !== expected) return null
    expected = entries.find(([, name]) => name === folder)?.[2]
  }
  if (expected !== tree) return null
  const message = object.slice(object.indexOf('\n\n') + 2)
  return { commit, subject: message.split('\n')[0] ?? '', tree }
}

/** Name of the content of a plain folder, as git would name it; no filter of the machine changes it. */
export async function treeOfFolder(
  folder: string,
  options: {
    readonly scratch: string
    readonly env: Readonly<Record<string, string | undefined>>
    readonly isSha256: boolean
    readonly signal?: AbortSignal
  },
): Promise<string> {
  const { scratch, env, isSha256, signal } = options
  await mkdir(scratch, { recursive: true })
  const home = await mkdtemp(join(scratch, 'tree-'))
  const call = {
    cwd: folder,
    env: { ...env, GIT_DIR: join(home, 'git'), GIT_WORK_TREE: folder, GIT_INDEX_FILE: join(home, 'index') },
    ...(signal === undefined ? {} : { signal }),
  }
  try {
    const format = isSha256 ? ['--object-format=sha256'] : []
    await gitOutput(['init', '--quiet', '--bare', ...format, join(home, 'git')], { ...call, env }, 'git cannot begin')
    const exactly = ['-c', 'core.autocrlf=false', '-c', 'core.fileMode=true', '-c', 'core.bare=false']
    await gitOutput([...exactly, 'add', '--all', '--force', '--', '.'], call, 'the upload cannot be read')
    return await gitOutput([...exactly, 'write-tree'], call, 'the upload cannot be read')
  } finally {
    await removeFolder(home)
  }
}

function nameOf(kind: string, content: Buffer, algorithm: 'sha1' | 'sha256'): string {
  return createHash(algorithm).update(`${kind} ${content.length}\0`).update(content).digest('hex')
}
