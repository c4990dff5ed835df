import { readFileSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { SluiceError } from '../model/error.ts'

/** A user of this machine, by its passwd file. */
export interface SystemUser {
  readonly uid: number
  readonly gid: number
  /** The number where it has no name. */
  readonly name: string
  readonly home: string
}

/** By name, by number, or by `uid:gid`. Null: a name that this machine does not know. */
export function findSystemUser(wanted: string, passwd: string = readPasswd()): SystemUser | null {
  const users = passwd.split('\n').flatMap((line) => {
    const [name = '', , uid, gid, , home = ''] = line.split(':')
    return name === '' || uid === undefined ? [] : [{ name, uid: Number(uid), gid: Number(gid), home: home || '/' }]
  })
  const [, number, group] = /^(\d+)(?::(\d+))?$/.exec(wanted) ?? []
  if (number === undefined) return users.find(({ name }) => name === wanted) ?? null
  const uid = Number(number)
  const known = users.find((user) => user.uid === uid) ?? { uid, gid: uid, name: number, home: '/' }
  return group === undefined ? known : { ...known, gid: Number(group) }
}

/**
 * Whom a program of a service runs as; undefined: as ourselves. Throws `USER_UNAVAILABLE` for a user that is not there,
 * or that we may not become.
 */
export function userToRunAs(
  service: { readonly name: string; readonly user?: string },
  facts: { readonly uid?: number; readonly passwd?: string } = {},
): SystemUser | undefined {
  const { uid = process.getuid?.() ?? 0, passwd } = facts
  if (service.user === undefined) return undefined
  const found = findSystemUser(service.user, passwd)
  if (found === null) {
    throw new SluiceError(
      'USER_UNAVAILABLE',
      `this machine has no user ${service.user}, which ${service.name} runs as`,
      {
        hint: `make it (useradd --system ${service.user}), or name another one in services.${service.name}.user`,
      },
    )
  }
  if (found.uid === uid) return undefined
  if (uid !== 0) {
    throw new SluiceError('USER_UNAVAILABLE', `only root can run ${service.name} as ${service.user}`, {
      hint: `run the control plane as root or as ${service.user}, or leave services.${service.name}.user out`,
    })
  }
  return found
}

/** What programs look up to know who they are. */
export function userVariables({ name, home }: SystemUser): Record<string, string> {
  return { HOME: home, USER: name, LOGNAME: name }
}

/** The first folder on the way to a program that its user cannot enter is named, instead of a crash without a word. */
export function assertEnterable(folder: string, user: { readonly uid: number; readonly gid: number }): void {
  for (let path = resolve(folder); ; path = dirname(path)) {
    const { mode, uid, gid } = statSync(path)
    const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001
    if (user.uid !== 0 && (mode & bit) === 0) {
      throw new SluiceError('HOME_FOREIGN', `the user ${user.uid} that instances run as cannot enter ${path}`, {
        hint: `allow it (chmod o+x ${path}), or keep SLUICE_HOME in a folder that this user can reach`,
      })
    }
    if (path === dirname(path)) return
  }
}

function readPasswd(): string {
  try {
    return readFileSync('/etc/passwd', 'utf8')
  } catch {
    return ''
  }
}
