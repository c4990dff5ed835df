import { spawn } from 'node:child_process'
import { mkdir, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { SluiceError } from '../model/error.ts'
import { writeFileAtomic } from '../support/atomic-file.ts'
import { identityOf, isAlive, type ProcessIdentity } from '../support/process-identity.ts'
import { remoteEdge } from './control-client.ts'
import { controlSocketOf } from './control-socket.ts'
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
  readonly env?: NodeJS.ProcessEnv
}

/** Adopts the edge that lives in the directory or starts one, detached; resolves when it answers. */
export async function adoptOrStartEdge(options: StartEdgeOptions): Promise<Edge> {
  const { directory, program, name, signal, deadlineMs = 15_000, env = process.env } = options
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
  let died: { readonly code: number | null } | null = null
  if (living === null) {
    const log = await open(join(directory, 'edge.log'), 'a', 0o600)
    try {
      const child = spawn(process.execPath, [program, '--directory', directory], {
        detached: true,
        stdio: ['ignore', log.fd, log.fd],
        cwd: directory,
        env,
      })
      child.on('error', () => (died = { code: null }))
      child.on('exit', (code) => (died = { code }))
      child.unref()
    } finally {
      await log.close()
    }
  }
  const until = Date.now() + deadlineMs
  for (;;) {
    signal?.throwIfAborted()
    try {
      return await remoteEdge(controlSocketOf(directory), { ...(signal === undefined ? {} : { signal }), deadlineMs })
    } catch (error) {
      const code = died === null ? undefined : (died as { readonly code: number | null }).code
      if (code !== undefined || Date.now() > until) throw await startFailed(directory, code, error)
      await sleep(10, undefined, signal === undefined ? {} : { signal })
    }
  }
}

async function startFailed(directory: string, code: number | null | undefined, cause: unknown): Promise<SluiceError> {
  const log = await readFile(join(directory, 'edge.log'), 'utf8').catch(() => '')
  const logTail = log.trimEnd().split('\n').slice(-10)
  const what = code === undefined ? 'did not answer in time' : `ended at once (exit code ${code})`
  return new SluiceError('EDGE_UNREACHABLE', `the edge ${what}: ${logTail.at(-1) ?? 'its log is empty'}`, {
    hint: `read ${join(directory, 'edge.log')}`,
    details: { logTail },
    cause,
  })
}
