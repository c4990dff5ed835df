import { createHash, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, chown, lstat, mkdir, readlink, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SluiceError } from '../model/error.ts'
import { canTraverse, type SystemUser, unprivilegedUser } from './unprivileged-user.ts'

/** The folders and files of one cluster. */
export interface ClusterLayout {
  /** Null: the server runs as ourselves. */
  readonly user: SystemUser | null
  readonly data: string
  readonly sockets: string
  /** Copies of the binaries, where they are needed. */
  readonly copies: string
  readonly passwordFile: string
  readonly portFile: string
  readonly logFile: string
}

/** `/run/.s.PGSQL.65535` must fit into a socket address: 107 bytes on Linux, 103 on macOS. */
const longestSocketFolder = 103 - '/.s.PGSQL.65535'.length

/**
 * Makes the folders. When we are root and `directory` sits below a folder that the unprivileged user may not enter
 * (`/root`, say), data goes to `sharedDirectory` and a link `elsewhere` tells where: opening a private folder to
 * others is not ours to do. Throws `HOME_NOT_WRITABLE`, `HOME_FOREIGN`.
 */
export async function prepareLayout(options: {
  readonly directory: string
  readonly sharedDirectory: string
  readonly wantedUser: SystemUser | undefined
}): Promise<ClusterLayout> {
  const { directory, sharedDirectory, wantedUser } = options
  return explained(directory, async () => {
    await mkdir(directory, { recursive: true, mode: 0o711 })
    const link = join(directory, 'elsewhere')
    const placed = existsSync(link) ? await readlink(link) : directory
    const user = unprivilegedUser({ wanted: wantedUser, dataDirectory: join(placed, 'data') })
    if (user === null) return finishLayout(directory, directory, directory, null)
    if (placed === directory) await chmod(directory, 0o711)
    if (canTraverse(placed, user)) return finishLayout(directory, placed, placed, user)
    await makeShared(sharedDirectory, user)
    const place = join(sharedDirectory, `cluster-${randomBytes(8).toString('hex')}`)
    await mkdir(place, { mode: 0o711 })
    await symlink(place, link)
    return finishLayout(directory, place, sharedDirectory, user)
  })
}

async function finishLayout(directory: string, place: string, copies: string, user: SystemUser | null) {
  const sockets = socketFolder(join(place, 'run'), user)
  await mkdir(sockets, { recursive: true, mode: 0o700 })
  const stat = await lstat(sockets)
  if (user !== null && stat.isDirectory() && stat.uid === 0) await chown(sockets, user.uid, user.gid)
  else if (!stat.isDirectory() || stat.uid !== (user?.uid ?? process.getuid?.() ?? stat.uid))
    throw new SluiceError('HOME_FOREIGN', `${sockets} belongs to somebody else`, { hint: `remove it` })
  return {
    user,
    data: join(place, 'data'),
    sockets,
    copies: join(copies, 'binaries'),
    passwordFile: join(directory, 'password'),
    portFile: join(directory, 'port'),
    logFile: join(directory, 'postgres.log'),
  }
}

function socketFolder(wanted: string, user: SystemUser | null): string {
  if (Buffer.byteLength(wanted) <= longestSocketFolder) return wanted
  const name = createHash('sha256')
    .update(`${user?.uid ?? process.getuid?.()} ${wanted}`)
    .digest('hex')
    .slice(0, 16)
  const short = join(tmpdir(), `sluice-${name}`)
  return Buffer.byteLength(short) <= longestSocketFolder ? short : join('/tmp', `sluice-${name}`)
}

async function makeShared(sharedDirectory: string, user: SystemUser): Promise<void> {
  await mkdir(sharedDirectory, { recursive: true, mode: 0o755 })
  if (canTraverse(sharedDirectory, user)) return
  throw new SluiceError('HOME_NOT_WRITABLE', `user ${user.uid}, who runs PostgreSQL, cannot enter ${sharedDirectory}`, {
    hint: 'choose a SLUICE_HOME that every user may enter, such as /var/lib/sluice',
  })
}

async function explained<T>(directory: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? ''
    if (code === 'ENOSPC') throw new SluiceError('DISK_FULL', `no space left for ${directory}`, { cause })
    if (!['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'ENOENT', 'EEXIST'].includes(code)) throw cause
    throw new SluiceError('HOME_NOT_WRITABLE', `cannot write to ${directory} (${code})`, {
      hint: 'choose another folder with SLUICE_HOME or --home, or give this one to the user who runs sluice',
      cause,
    })
  }
}
