import { readdirSync, readFileSync, statSync } from 'node:fs'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isAlive, type ProcessIdentity } from '../../../support/process-identity.ts'
import { identityByMarker } from './process-tree.ts'
import type { RunSpec, RunState } from './runtime.ts'

/** `<instances>/<environment>/<id>/`; `run/` alone belongs to the user that the program runs as. */
export interface RunDirectory {
  readonly root: string
  readonly spec: string
  readonly identity: string
  readonly removed: string
  readonly log: string
  /** Written by the shim: `shim`, `pid`, `exit`. Never trusted further than the process table confirms it. */
  readonly run: string
}

/** What is kept of a run: everything but the environment variables, which hold secrets. */
export interface RunRecord extends Omit<RunSpec, 'env'> {
  readonly startedAt: string
  readonly starts: number
}

export function runDirectory(root: string): RunDirectory {
  return {
    root,
    spec: join(root, 'spec.json'),
    identity: join(root, 'identity.json'),
    removed: join(root, 'removed'),
    log: join(root, 'log'),
    run: join(root, 'run'),
  }
}

export function findRunDirectories(instances: string): readonly RunDirectory[] {
  return subfolders(instances).flatMap((environment) =>
    subfolders(join(instances, environment)).map((id) => runDirectory(join(instances, environment, id))),
  )
}

export function readRecord(directory: RunDirectory): RunRecord | null {
  return readJson<RunRecord>(directory.spec)
}

export async function writeRecord(directory: RunDirectory, record: RunRecord): Promise<void> {
  await writeQuickly(directory.spec, JSON.stringify(record))
}

export async function writeIdentity(directory: RunDirectory, identity: ProcessIdentity): Promise<void> {
  await writeQuickly(directory.identity, JSON.stringify(identity))
}

/** The shim's identity: as recorded, or found by its mark when we died between its start and the record. */
export function readIdentity(directory: RunDirectory): ProcessIdentity | null {
  const recorded = readJson<ProcessIdentity>(directory.identity)
  if (recorded !== null) return recorded
  const pid = readNumber(join(directory.run, 'shim'))
  return pid === null ? null : identityByMarker(pid, directory.run)
}

/** Forgets the earlier process, so that the next start begins clean. */
export async function clearRun(directory: RunDirectory): Promise<void> {
  await rm(directory.removed, { force: true })
  await rm(directory.identity, { force: true })
  await rm(directory.run, { recursive: true, force: true })
  await mkdir(directory.run, { recursive: true })
}

export function isRemoved(directory: RunDirectory): boolean {
  return statSync(directory.removed, { throwIfNoEntry: false }) !== undefined
}

/** The run as the disk and the process table show it now; null when there is none. */
export function observeRun(directory: RunDirectory): RunState | null {
  const record = readRecord(directory)
  if (record === null) return null
  const identity = readIdentity(directory)
  const alive = identity !== null && isAlive(identity)
  const exit = alive ? null : readExit(directory, record)
  return {
    id: record.id,
    environment: record.environment,
    release: record.release,
    service: record.service,
    index: record.index,
    ...(record.port === undefined ? {} : { port: record.port }),
    alive,
    pid: readNumber(join(directory.run, 'pid')) ?? identity?.pid ?? 0,
    startedAt: record.startedAt,
    restarts: record.starts - 1,
    ...(exit === null ? {} : { exit }),
    logFile: directory.log,
  }
}

function readExit(directory: RunDirectory, record: RunRecord): { code: number | null; at: string } {
  const file = join(directory.run, 'exit')
  const code = readNumber(file)
  // Without an exit code the last sign of life is the best there is.
  const seen = statSync(code === null ? directory.log : file, { throwIfNoEntry: false })
  return { code, at: seen?.mtime.toISOString() ?? record.startedAt }
}

/**
 * All or nothing for a reader, but not synced: what a power cut could take from these records, the processes, it takes
 * as well, and a start must not wait for the disk.
 */
async function writeQuickly(file: string, content: string): Promise<void> {
  const temporary = `${file}.${process.pid}.tmp`
  await writeFile(temporary, content)
  await rename(temporary, file)
}

function subfolders(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
      .map((entry) => entry.name)
  } catch {
    return []
  }
}

function readJson<Value>(file: string): Value | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Value
  } catch {
    return null
  }
}

function readNumber(file: string): number | null {
  try {
    const text = readFileSync(file, 'utf8').trim()
    return /^\d+$/.test(text) ? Number(text) : null
  } catch {
    return null
  }
}
