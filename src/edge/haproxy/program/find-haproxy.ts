import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { delimiter, isAbsolute, join } from 'node:path'
import { run } from '../../../support/run.ts'

export interface FoundHaproxy {
  readonly path: string
  readonly version: string
  /** Why it will not do; null when it will. */
  readonly problem: string | null
}

const OLDEST = [2, 6] as const
/** Not on everybody's PATH, but where distributions put it. */
const USUAL_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/opt/homebrew/bin']

/** The HAProxy of this machine, null when there is none: for `doctor` and for the choice of the edge. */
export async function findHaproxy(
  options: { readonly path?: string; readonly searchPath?: string } = {},
): Promise<FoundHaproxy | null> {
  const folders = [...(options.searchPath ?? '').split(delimiter).filter(isAbsolute), ...USUAL_FOLDERS]
  const candidates = options.path === undefined ? folders.map((folder) => join(folder, 'haproxy')) : [options.path]
  for (const path of candidates) {
    if (!(await isExecutable(path))) continue
    const { stdout } = await run([path, '-vv'], { timeoutMs: 5000 })
    const version = /^HAProxy version (\d+\.\d+(?:[.-][\w.+-]+)?)/m.exec(stdout)?.[1]
    if (version !== undefined) return { path, version, problem: problemOf(version, stdout) }
  }
  return null
}

function problemOf(version: string, features: string): string | null {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
    return `HAProxy ${version} is older than ${OLDEST.join('.')}`
  }
  if (!/\+LUA\b/.test(features)) return `HAProxy ${version} was built without Lua, which holds requests`
  if (!/\+OPENSSL\b/.test(features)) return `HAProxy ${version} was built without OpenSSL`
  return null
}

function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
}
