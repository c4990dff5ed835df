import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { chown, lchown, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SluiceError } from '../model/error.ts'
import { writeFileAtomic } from '../support/atomic-file.ts'
import { run } from '../support/run.ts'
import type { PostgresBinaries } from './binaries.ts'
import type { ClusterLayout } from './layout.ts'
import { initArguments } from './settings.ts'

/** The one role that `initdb` makes. */
export const superuser = 'postgres'

/** The environment of every PostgreSQL program: nothing of ours leaks in, messages are in English. */
export const serverEnvironment = { LC_ALL: 'C', TZ: 'UTC', PATH: '/usr/local/bin:/usr/bin:/bin' }

/**
 * A data directory and its password, made when absent. An interrupted first run leaves nothing that looks finished.
 * Throws `POSTGRES_UNAVAILABLE`, `HOME_FOREIGN`.
 */
export async function ensureInitialised(
  layout: ClusterLayout,
  binaries: PostgresBinaries,
  options: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<{ readonly password: string }> {
  if (!existsSync(join(layout.data, 'PG_VERSION'))) return initialise(layout, binaries, options)
  await assertUsable(layout, binaries, options)
  return { password: await existingPassword(layout) }
}

async function initialise(
  layout: ClusterLayout,
  binaries: PostgresBinaries,
  options: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<{ readonly password: string }> {
  const password = randomBytes(24).toString('base64url')
  const unfinished = `${layout.data}.${randomBytes(4).toString('hex')}.new`
  const passwordForInit = `${unfinished}.password`
  try {
    await mkdir(unfinished, { mode: 0o700 })
    await writeFile(passwordForInit, password, { mode: 0o600 })
    if (layout.user) {
      await chown(unfinished, layout.user.uid, layout.user.gid)
      await chown(passwordForInit, layout.user.uid, layout.user.gid)
    }
    const result = await run(
      [binaries.initdb, '-D', unfinished, '-U', superuser, `--pwfile=${passwordForInit}`, ...initArguments],
      { ...options, env: serverEnvironment, cwd: '/', ...(layout.user ? { user: layout.user } : {}) },
    )
    if (result.code !== 0) throw initFailed(result.code, `${result.stdout}\n${result.stderr}`)
    if (existsSync(join(layout.data, 'PG_VERSION')))
      throw new SluiceError('STATE_CONFLICT', `another process has just set up ${layout.data}`, { hint: 'try again' })
    await writeFileAtomic(layout.passwordFile, password, { mode: 0o600 })
    await rm(layout.data, { recursive: true, force: true })
    await rename(unfinished, layout.data)
    return { password }
  } finally {
    await rm(passwordForInit, { force: true })
    await rm(unfinished, { recursive: true, force: true })
  }
}

function initFailed(code: number | null, output: string): SluiceError {
  const lines = output.trim().split('\n').slice(-10)
  const full = output.includes('No space left on device')
  return new SluiceError(
    full ? 'DISK_FULL' : 'POSTGRES_UNAVAILABLE',
    `initdb ended with code ${code}: ${lines.at(-1)}`,
    {
      hint: full
        ? 'free some disk space'
        : 'see the lines of initdb in the details, or set DATABASE_URL to another server',
      details: { lines },
    },
  )
}

async function assertUsable(
  layout: ClusterLayout,
  binaries: PostgresBinaries,
  options: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<void> {
  const { uid } = await stat(layout.data)
  if (layout.user !== null && uid !== layout.user.uid) await giveTo(layout.data, layout.user)
  if (layout.user === null && uid !== process.getuid?.())
    throw new SluiceError('HOME_FOREIGN', `${layout.data} belongs to user ${uid}`, {
      hint: `run sluice as that user or as root, or give the folder to user ${process.getuid?.()}`,
    })
  const made = readFileSync(join(layout.data, 'PG_VERSION'), 'utf8').trim()
  const { stdout } = await run([binaries.postgres, '--version'], { ...options, env: serverEnvironment })
  const ours = /(\d+)(\.\d+)?\s*$/.exec(stdout.trim())?.[1]
  if (ours === made) return
  throw new SluiceError(
    'POSTGRES_UNAVAILABLE',
    `${layout.data} was made by PostgreSQL ${made}, this is ${ours ?? '?'}`,
    {
      hint: 'use the sluice version that made it, or restore a logical backup into a new home',
    },
  )
}

async function giveTo(path: string, user: { readonly uid: number; readonly gid: number }): Promise<void> {
  await lchown(path, user.uid, user.gid)
  for (const entry of await readdir(path, { withFileTypes: true })) {
    const inside = join(path, entry.name)
    if (entry.isDirectory()) await giveTo(inside, user)
    else await lchown(inside, user.uid, user.gid)
  }
}

/** The superuser's. Throws `POSTGRES_UNAVAILABLE` where its file is lost. */
export async function existingPassword(layout: ClusterLayout): Promise<string> {
  try {
    return (await readFile(layout.passwordFile, 'utf8')).trim()
  } catch (cause) {
    throw new SluiceError('POSTGRES_UNAVAILABLE', `the password of the database is missing: ${layout.passwordFile}`, {
      hint: 'restore that file; without it the data cannot be opened',
      cause,
    })
  }
}
