import { constants } from 'node:fs'
import { copyFile, link, lstat, mkdir, readdir, readlink, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { forEachParallel } from './pool.ts'

export interface LinkedFile {
  readonly path: string
  readonly size: number
  readonly mtimeMs: number
}

/**
 * Copies a folder (or file) by hard links, copies across disks; symbolic links stay as they are. Answers what was
 * seen, so that the caller can tell whether somebody wrote into a file that is shared.
 */
export async function linkedCopy(
  from: string,
  to: string,
  options: { readonly skip?: (path: string) => boolean; readonly copy?: (path: string) => boolean } = {},
): Promise<readonly LinkedFile[]> {
  const { skip = () => false, copy = () => false } = options
  const seen: LinkedFile[] = []

  const take = async (path: string): Promise<void> => {
    if (skip(path)) return
    const source = join(from, path)
    const target = join(to, path)
    const stat = await lstat(source)
    if (stat.isDirectory()) {
      await mkdir(target, { recursive: true, mode: 0o755 })
      const names = await readdir(source)
      await forEachParallel(names, 8, (name) => take(path === '' ? name : `${path}/${name}`))
    } else if (stat.isSymbolicLink()) {
      await symlink(await readlink(source), target).catch(ignoreExisting)
    } else {
      // Pipes and sockets too: whoever checks the artifact shall see and name them.
      await (copy(path) ? copyFile(source, target) : linkOrCopy(source, target)).catch(ignoreExisting)
      seen.push({ path, size: stat.size, mtimeMs: stat.mtimeMs })
    }
  }
  await take('')
  return seen
}

async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EXDEV' && code !== 'EMLINK' && code !== 'EPERM' && code !== 'ENOTSUP') throw error
    await copyFile(from, to, constants.COPYFILE_FICLONE)
  }
}

/** Two services may name the same output. */
function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error
}
