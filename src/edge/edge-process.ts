import { type ChildProcess, spawn } from 'node:child_process'
import { link, mkdir, open, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { SluiceError } from '../model/error.ts'
import { writeFileAtomic } from '../support/atomic-file.ts'
import { identityOf, isAlive, type ProcessIdentity } from '../support/process-identity.ts'
import { remoteEdge } from './control/control-client.ts'
import { controlSocketOf } from './control/control-socket.ts'
import type { CallOptions, Edge } from './edge.ts'

/** `edge.json`: who is the edge of this directory. Written by the edge process itself once it serves. */
export interface EdgeRecord extends ProcessIdentity {
  readonly version: string
  /** Which implementation, as one directory may change it. */
  readonly name: string
}

export async function writeEdgeRecord(directory: string, who: { readonly name: string; readonly version: string }) {
  const identity = identityOf(process.pid)
  if (identity === null) throw new SluiceError('UNEXPECTED', 'the edge cannot see its own process')
  await writeFileAtomic(join(directory, 'edge.json'), JSON.stringify({ ...identity, ...who }), { mode: 0o600 })
}

/**
 * Makes this process the edge of the directory before it serves anything: of two that start at once one gets it.
 * Throws `STATE_CONFLICT` when another one lives.
 */
export async function claimEdge(directory: string, who: { readonly name: string; readonly version: string }) {
  const file = join(directory, 'edge.json')
  const own = `${file}.${process.pid}`
  await writeFile(own, JSON.stringify({ ...identityOf(process.pid), ...who }), { mode: 0o600 })
  try {
    for (let tries = 0; tries < 3; tries++) {
      // Linking fails where a file is, and what it links is complete: nobody ever reads half a record.
      const isOurs = await link(own, file).then(
        () => true,
        () => false,
      )
      if (isOurs) return
      const living = await livingEdge(directory)
      if (living !== null) {
        throw new SluiceError('STATE_CONFLICT', `an edge serves from ${directory} already (pid ${living.pid})`)
      }
      await rm(file, { force: true })
    }
    throw new SluiceError('HOME_NOT_WRITABLE', `the edge cannot write its record ${file}`)
  } finally {
    await rm(own, { force: true })
  }
}

/** The edge that lives in this directory, null when none does. */
export async function livingEdge(directory: string): Promise<EdgeRecord | null> {
  try {
    const record = JSON.parse(await readFile(join(directory, 'edge.json'), 'utf8')) as EdgeRecord
    return isAlive(record) ? record : null
  } catch {
    return null
  }
}

export interface StartEdgeOptions extends CallOptions {
  readonly directory: string
  /** Absolute path of the program, run by this same Node with `--directory DIR`. */
  readonly program: string
  readonly name: string
  /** Absent: that of this process. */
  readonly env?: NodeJS.ProcessEnv
}

/** Adopts the edge that lives in the directory or starts one, detached; resolves when it answers. */
export async function adoptOrStartEdge(options: StartEdgeOptions): Promise<Edge> {
  const { directory, program, name, signal, deadlineMs = 15_000, env } = options
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const living = await livingEdge(directory)
  if (living !== null && living.name !== name) {
    throw new SluiceError(
      'STATE_CONFLICT',
      `a ${living.name} edge still serves from ${directory} (pid ${living.pid})`,
      {
        hint: 'run `sluice down --all` before you change the edge',
      },
    )
  }
  let child = living === null ? await spawnEdge({ directory, program, env }) : null
  const until = performance.now() + deadlineMs
  for (;;) {
    signal?.throwIfAborted()
    try {
      const call = { ...(signal === undefined ? {} : { signal }), deadlineMs }
      const edge = await remoteEdge(controlSocketOf(directory), call)
      const serving = await livingEdge(directory)
      if (child !== null && serving !== null && serving.pid !== child.process.pid) child.process.kill()
      return edge
    } catch (error) {
      const isAlone = (await livingEdge(directory)) === null
      // What seemed to live was dying.
      if (child === null && isAlone) child = await spawnEdge({ directory, program, env })
      // Another start may have been first: then its edge is the one.
      const isLost = child?.hasEnded && isAlone
      if (isLost || performance.now() > until) throw await startFailed(directory, child, error)
      await sleep(10, undefined, signal === undefined ? {} : { signal })
    }
  }
}

interface SpawnedEdge {
  readonly process: ChildProcess
  hasEnded: boolean
  exitCode: number | null
}

async function spawnEdge(order: {
  directory: string
  program: string
  env: NodeJS.ProcessEnv | undefined
}): Promise<SpawnedEdge> {
  const { directory, program, env } = order
  const log = await open(join(directory, 'edge.log'), 'a', 0o600)
  try {
    const child = spawn(process.execPath, [program, '--directory', directory], {
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      cwd: directory,
      ...(env === undefined ? {} : { env }),
    })
    const spawned: SpawnedEdge = { process: child, hasEnded: false, exitCode: null }
    child.on('error', () => Object.assign(spawned, { hasEnded: true }))
    child.on('exit', (exitCode) => Object.assign(spawned, { hasEnded: true, exitCode }))
    child.unref()
    return spawned
  } finally {
    await log.close()
  }
}

async function startFailed(directory: string, child: SpawnedEdge | null, cause: unknown): Promise<SluiceError> {
  const log = await readFile(join(directory, 'edge.log'), 'utf8').catch(() => '')
  const logTail = log.trimEnd().split('\n').slice(-10)
  const what = child?.hasEnded ? `ended at once (exit code ${child.exitCode})` : 'did not answer in time'
  return new SluiceError('EDGE_UNREACHABLE', `the edge ${what}: ${logTail.at(-1) ?? 'its log is empty'}`, {
    hint: `read ${join(directory, 'edge.log')}`,
    details: { logTail },
    cause,
  })
}
