import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync, realpathSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { identityOf, type ProcessIdentity } from '../support/process-identity.ts'

/** What a running server says about itself in `postmaster.pid`. */
export interface Postmaster {
  readonly identity: ProcessIdentity
  readonly port: number
  readonly socketDirectory: string
  /** `starting`, `ready`, `stopping`, `standby`; empty while the file is being written. */
  readonly status: string
}

/** The live server of this data directory; null when there is none, whatever a left-over file says. */
export function livePostmaster(dataDirectory: string): Postmaster | null {
  const lines = pidFileLines(dataDirectory)
  const identity = identityOf(Number(lines[0]) || 0)
  if (identity === null || !worksIn(identity.pid, dataDirectory)) return null
  return { identity, port: Number(lines[3]) || 0, socketDirectory: lines[4] ?? '', status: (lines[7] ?? '').trim() }
}

/**
 * PostgreSQL removes a left-over file by itself, unless another process (or a zombie) has that pid by now: then it
 * would refuse to start for ever. The socket has such a file too; its folder is this cluster's alone. Call only when
 * `livePostmaster` said null.
 */
export function removeMisleadingPidFiles(dataDirectory: string, socketDirectory: string): void {
  const locks = namesIn(socketDirectory).filter((name) => /^\.s\.PGSQL\.\d+\.lock$/.test(name))
  for (const file of [join(dataDirectory, 'postmaster.pid'), ...locks.map((name) => join(socketDirectory, name))]) {
    const pid = Number(linesOf(file)[0]) || 0
    if (pid > 0 && isTaken(pid)) rmSync(file, { force: true })
  }
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

function pidFileLines(dataDirectory: string): readonly string[] {
  return linesOf(join(dataDirectory, 'postmaster.pid'))
}

function linesOf(file: string): readonly string[] {
  try {
    return readFileSync(file, 'utf8').split('\n')
  } catch {
    return []
  }
}

/** A reused pid is told from the server by its working directory, which is always the data directory. */
function worksIn(pid: number, dataDirectory: string): boolean {
  try {
    if (process.platform !== 'linux') return commandOf(pid).includes('postgres')
    return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(dataDirectory)
  } catch {
    return false
  }
}

/** Without /proc this is as close as it gets; the caller compares `data_directory` over the connection besides. */
function commandOf(pid: number): string {
  return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8', timeout: 2000 })
}

function isTaken(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
