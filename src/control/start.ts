import { spawn } from 'node:child_process'
import { access, constants, mkdir, open, readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { ApiClient } from '../api/client/client.ts'
import type { ControlAddress } from '../api/client/transport.ts'
import { SluiceError } from '../model/error.ts'
import { type Home, homeAt } from '../support/home.ts'
import { isAlive, type ProcessIdentity } from '../support/process-identity.ts'
import { version } from '../support/version.ts'
import { type ListenSettings, rememberListen } from './listen-settings.ts'

const START_MS = 90_000
const RESTARTS = 5
const END_MS = 15_000
/** Exit code of a control plane that found its home, or its database, taken. */
const REFUSED = 3

/** What a running control plane says of itself in `control/control.json`. */
export interface ControlRecord extends ProcessIdentity {
  readonly port: number
  readonly version: string
  /** For other machines; absent or null: this one only. */
  readonly listen?: ListenSettings | null
}

/** The control plane that lives on this home; null when none does. */
export async function livingControlPlane(home: Home): Promise<ControlRecord | null> {
  try {
    const record = JSON.parse(await readFile(join(home.control, 'control.json'), 'utf8')) as ControlRecord
    return isAlive(record) ? record : null
  } catch {
    return null
  }
}

async function addressOf(home: Home, record: ControlRecord, label: string): Promise<ControlAddress> {
  return {
    url: `http://127.0.0.1:${record.port}`,
    token: (await readFile(join(home.control, 'token'), 'utf8')).trim(),
    label,
  }
}

/** A client of whichever control plane lives on the home, that calls its user `label`; with `ensure` a dead one is started again. */
export async function clientFor(
  home: Home,
  record: ControlRecord,
  label: string,
  ensure: (() => Promise<ControlRecord>) | null,
): Promise<ApiClient> {
  const address = await addressOf(home, record, label)
  return new ApiClient(
    ensure === null ? { address } : { address, reconnect: async () => addressOf(home, await patiently(ensure), label) },
  )
}

/** A control plane may be killed while it starts: that is no reason to leave a deployment unwatched. */
async function patiently(ensure: () => Promise<ControlRecord>): Promise<ControlRecord> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ensure()
    } catch (error) {
      if (attempt >= RESTARTS || !(error instanceof SluiceError) || error.code !== 'CONTROL_PLANE_START_FAILED')
        throw error
      await sleep(200)
    }
  }
}

export interface EnsureOptions {
  readonly homeRoot: string
  readonly edge?: string
  readonly execPath: string
  readonly environment: NodeJS.ProcessEnv
  readonly onStart?: () => void
  /** One of another version, or that listens elsewhere, makes room; users are served on, and deployments go on after it. */
  readonly replaceUnlike?: boolean
  /** Where it has to listen for other machines; absent: wherever it does. */
  readonly listen?: ListenSettings | 'off'
}

/** Answers the control plane of this home, starting it when it is absent. Throws `CONTROL_PLANE_START_FAILED` with its last words. */
export async function ensureControlPlane(options: EnsureOptions): Promise<ControlRecord> {
  const home = homeAt(options.homeRoot)
  const living = await livingControlPlane(home)
  if (living !== null && (isAsWanted(living, options) || options.replaceUnlike !== true)) return living
  if (living !== null) await endControlPlane(living)
  await prepareHome(home)
  if (options.listen !== undefined) await rememberListen(home, options.listen)
  options.onStart?.()
  const logFile = join(home.control, 'control.log')
  const log = await open(logFile, 'a', 0o600)
  const { size: logStart } = await log.stat()
  // The published package holds JavaScript: the program beside this file has this file's ending.
  const program = fileURLToPath(import.meta.url).replace(/start\.(ts|js)$/, 'process.$1')
  const edge = options.edge === undefined ? [] : ['--edge', options.edge]
  const child = spawn(options.execPath, [program, '--home', home.root, ...edge], {
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
    cwd: home.root,
    env: options.environment,
  })
  let ended: number | null | undefined
  child.on('error', () => (ended = null))
  child.on('exit', (code) => (ended = code))
  child.unref()
  await log.close()
  const deadline = performance.now() + START_MS
  while (performance.now() < deadline) {
    const record = await livingControlPlane(home)
    if (record !== null) return record
    if (ended !== undefined) {
      const failure = await startFailed(logFile, logStart, ended)
      // Another call was faster: its control plane holds the home and will say so in a moment, or why it could not.
      if (ended !== REFUSED || !isOfTheOther(failure)) throw failure
      await sleep(100)
      continue
    }
    await sleep(15)
  }
  throw await startFailed(logFile, logStart, null)
}

function isAsWanted(living: ControlRecord, { listen }: EnsureOptions): boolean {
  const isHeard = listen === undefined || JSON.stringify(living.listen ?? 'off') === JSON.stringify(listen)
  return living.version === version && isHeard
}

/** It may be killed at any instant: one that does not end in time is. */
async function endControlPlane(living: ControlRecord): Promise<void> {
  const deadline = performance.now() + END_MS
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    if (!isAlive(living)) return
    process.kill(living.pid, signal)
    while (isAlive(living) && (signal === 'SIGKILL' || performance.now() < deadline)) await sleep(20)
  }
}

async function prepareHome(home: Home): Promise<void> {
  try {
    await makeFolder(home.root)
    const { uid } = await stat(home.root)
    if (process.getuid !== undefined && process.getuid() !== 0 && uid !== process.getuid()) {
      throw new SluiceError('HOME_FOREIGN', `${home.root} belongs to another user (uid ${uid})`, {
        hint: 'choose another folder with --home or SLUICE_HOME, or run as that user',
      })
    }
    await access(home.root, constants.W_OK | constants.X_OK)
    await mkdir(home.control, { recursive: true, mode: 0o700 })
  } catch (error) {
    if (error instanceof SluiceError) throw error
    const { code } = error as NodeJS.ErrnoException
    throw new SluiceError('HOME_NOT_WRITABLE', `${home.root} cannot be written (${code ?? 'unknown reason'})`, {
      hint: `choose another folder with --home or SLUICE_HOME, or make ${dirname(home.root)} writable`,
    })
  }
}

/** Folder by folder: where a parent takes no folders (/proc), the recursive call of Node never comes back. */
async function makeFolder(folder: string): Promise<void> {
  if (
    await stat(folder).then(
      (found) => found.isDirectory(),
      () => false,
    )
  )
    return
  if (dirname(folder) !== folder) await makeFolder(dirname(folder))
  await mkdir(folder, { mode: 0o755 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
  })
}

/** Nothing that is wrong with a control plane itself: one lives here already, or begins to. */
function isOfTheOther({ code }: SluiceError): boolean {
  return code === 'CONTROL_PLANE_RUNNING' || code === 'CONTROL_PLANE_START_FAILED'
}

async function startFailed(logFile: string, from: number, code: number | null): Promise<SluiceError> {
  const text = (await readFile(logFile, 'utf8').catch(() => '')).slice(from)
  const lines = text.trim().split('\n')
  const last = lines.at(-1) ?? ''
  const said = parseLine(last)
  const why = lines.map(parseLine).findLast((line) => line?.error !== undefined)?.error
  if (why !== undefined) return SluiceError.fromJSON(JSON.parse(why))
  return new SluiceError(
    'CONTROL_PLANE_START_FAILED',
    `the control plane did not start${code === null ? ' in time' : ` (exit code ${code})`}: ${said?.msg ?? last}`,
    {
      hint: `read ${logFile}`,
    },
  )
}

function parseLine(line: string): { readonly msg?: string; readonly error?: string } | null {
  try {
    return JSON.parse(line)
  } catch {
    return null
  }
}
