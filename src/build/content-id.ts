import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { lstat, readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'

/** SHA-256 over names, modes and contents of a folder, whatever is in it. */
export async function contentId(root: string): Promise<string> {
  const all = createHash('sha256')
  const visit = async (folder: string): Promise<void> => {
    for (const name of (await readdir(join(root, folder))).toSorted()) {
      const path = join(folder, name)
      const stat = await lstat(join(root, path))
      if (stat.isDirectory()) await visit(path)
      else if (stat.isSymbolicLink()) all.update(JSON.stringify(['link', path, await readlink(join(root, path))]))
      else if (stat.isFile()) {
        const hash = createHash('sha256')
        await pipeline(createReadStream(join(root, path)), hash)
        all.update(JSON.stringify(['file', path, (stat.mode & 0o100) !== 0, hash.digest('hex')]))
      }
    }
  }
  await visit('')
  return all.digest('hex')
}
