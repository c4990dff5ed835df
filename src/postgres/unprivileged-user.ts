import { readFileSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

export interface SystemUser {
  readonly uid: number
  readonly gid: number
}

/**
 * The user that PostgreSQL runs as: null when we are not root and it is simply ourselves. PostgreSQL refuses to run
 * as root, so then: the given user, the owner of existing data, the system's `postgres`, or `nobody`.
 */
export function unprivilegedUser(options: {
  readonly wanted?: SystemUser | undefined
  readonly dataDirectory: string
  readonly passwd?: string
}): SystemUser | null {
  if (process.getuid?.() !== 0) return null
  return (
    options.wanted ??
    ownerOf(options.dataDirectory) ??
    systemUser(['postgres', '_postgres', 'nobody'], options.passwd) ?? { uid: 65534, gid: 65534 }
  )
}

/** Every folder above `path` and `path` itself can be entered by the user. By mode bits alone: no access lists. */
export function canTraverse(path: string, user: SystemUser): boolean {
  for (let folder = resolve(path); ; folder = dirname(folder)) {
    if (!canEnter(folder, user)) return false
    if (folder === dirname(folder)) return true
  }
}

function canEnter(path: string, user: SystemUser): boolean {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat === undefined) return true // will be made by us
  if (stat.uid === user.uid) return (stat.mode & 0o100) !== 0
  return (stat.mode & (stat.gid === user.gid ? 0o010 : 0o001)) !== 0
}

function ownerOf(directory: string): SystemUser | null {
  const stat = statSync(directory, { throwIfNoEntry: false })
  return stat === undefined || stat.uid === 0 ? null : { uid: stat.uid, gid: stat.gid }
}

function systemUser(names: readonly string[], passwd: string = readPasswd()): SystemUser | null {
  const users = new Map<string, SystemUser>()
  for (const line of passwd.split('\n')) {
    const [name, , uid, gid] = line.split(':')
    if (name && Number(uid) > 0 && Number(gid) > 0) users.set(name, { uid: Number(uid), gid: Number(gid) })
  }
  for (const name of names) {
    const user = users.get(name)
    if (user) return user
  }
  return null
}

function readPasswd(): string {
  try {
    return readFileSync('/etc/passwd', 'utf8')
  } catch {
    return ''
  }
}
