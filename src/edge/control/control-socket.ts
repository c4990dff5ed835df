import { createHash } from 'node:crypto'
import { mkdir, stat } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { SluiceError } from '../../model/error.ts'

/** The kernel keeps 107 bytes for a socket's path; 20 are left for the temporary name under which it is bound. */
const MAX_PATH_BYTES = 87

/** Where the control socket of the edge in `directory` is: inside it, or below the temporary folder when that is too long. */
export function controlSocketOf(directory: string): string {
  const inside = join(directory, 'control.sock')
  if (Buffer.byteLength(inside) <= MAX_PATH_BYTES) return inside
  const name = createHash('sha256').update(directory).digest('hex').slice(0, 16)
  return join(shortFolder(), `${name}.sock`)
}

/** Makes the folder of a socket that could not be inside the edge's own; others must not be able to have made it. */
export async function prepareControlSocket(directory: string): Promise<string> {
  const path = controlSocketOf(directory)
  if (path.startsWith(`${shortFolder()}/`)) {
    await mkdir(shortFolder(), { recursive: true, mode: 0o700 })
    const folder = await stat(shortFolder())
    if (folder.uid !== userInfo().uid || (folder.mode & 0o077) !== 0) {
      throw new SluiceError('HOME_FOREIGN', `${shortFolder()} belongs to or is open to somebody else`, {
        hint: 'use a SLUICE_HOME with a shorter path, or remove that folder',
      })
    }
  }
  return path
}

function shortFolder(): string {
  return join(tmpdir(), `sluice-${userInfo().uid}`)
}
