import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, statSync } from 'node:fs'
import { chmod, chown, mkdir, open, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { SluiceError } from '../../../model/error.ts'
import { writeFileAtomic } from '../../../support/atomic-file.ts'
import { type Clock, sleep, systemClock } from '../../../support/clock.ts'
import { identityOf, isAlive } from '../../../support/process-identity.ts'
import { assertEnterable } from '../../../support/system-user.ts'
import { launchCommand } from '../instances/launch-command.ts'
import { endAboveLimit } from '../instances/memory-watch.ts'
import { defaultLogLimits, type LogLimits, rotateLog } from '../logs/log-rotation.ts'
import { diskFull } from '../records/disk-full.ts'
import { processesOf, RUN_MARKER, signalRun } from './process-tree.ts'
import {
  clearRun,
  findRunDirectories,
  isRemoved,
  observeRun,
  type RunDirectory,
  readIdentity,
  readRecord,
  runDirectory,
  writeIdentity,
  writeRecord,
} from './run-directory.ts'
import type { RunSpec, RunState, Runtime, RuntimeCapabilities } from './runtime.ts'
import { shim } from './shim.ts'

export interface ProcessRuntimeOptions {
  /** `home.instances`. */
  readonly directory: string
  readonly logLimits?: LogLimits
  readonly clock?: Clock
  /** Logs of removed runs that are kept, per environment. */
  readonly keepLogs?: number
}

/** After SIGKILL the kernel needs a moment; a process that is still there then hangs in it. */
const KILL_WAIT_MS = 5000

/** Detached processes, each under a shim that leaves its exit code: they never notice that we died. */
export function processRuntime(options: ProcessRuntimeOptions): Runtime {
  return new ProcessRuntime(options)
}

class ProcessRuntime implements Runtime {
  readonly capabilities: RuntimeCapabilities
  readonly #options: ProcessRuntimeOptions
  readonly #systemd = hasSystemd()
  readonly #listeners = new Set<(id: string) => void>()
  readonly #starting = new Map<string, Promise<RunState>>()
  /** Where a run was found last: saves a search, and is looked at again each time. */
  readonly #known = new Map<string, RunDirectory>()
  #shim: Promise<string> | undefined

  constructor(options: ProcessRuntimeOptions) {
    this.#options = options
    this.capabilities = {
      name: 'process',
      memoryLimit: this.#systemd,
      cpuLimit: this.#systemd,
      limitsNote: this.#systemd
        ? null
        : 'systemd does not run here (or has no session for this user): CPU limits are not enforced, and a program above its memory limit is ended and started again within about a second',
    }
  }

  start(spec: RunSpec): Promise<RunState> {
    const running = this.#starting.get(spec.id)
    if (running !== undefined) return running
    const starting = this.#start(spec).finally(() => this.#starting.delete(spec.id))
    this.#starting.set(spec.id, starting)
    return starting
  }

  async #start(spec: RunSpec): Promise<RunState> {
    const directory = this.#directoryOf(spec)
    const earlier = observeRun(directory)
    if (earlier?.alive) return earlier
    if (earlier !== null) await this.#end(directory, 0)
    if (!existsSync(spec.cwd)) {
      throw new SluiceError('ARTIFACT_MISSING', `the folder ${spec.cwd} of service ${spec.service} does not exist`, {
        hint: 'check `directory` of the service, or build the release again',
      })
    }
    if (spec.user !== undefined) assertEnterable(spec.cwd, spec.user)
    try {
      const shimFile = await this.#installedShim()
      await clearRun(directory)
      await this.#openToUser(directory, spec)
      const { env: _secret, ...record } = spec
      const startedAt = this.#clock.now().toISOString()
      await writeRecord(directory, { ...record, startedAt, starts: (earlier?.restarts ?? -1) + 2 })
      const child = await this.#spawn(spec, directory, shimFile)
      child.unref()
      const identity = child.pid === undefined ? null : identityOf(child.pid)
      if (identity !== null) await writeIdentity(directory, identity)
      // Where the machine is busy a short life is over by now, and nobody would tell of it.
      if (child.exitCode !== null || child.signalCode !== null) this.#announceExit(spec.id)
      else child.once('exit', () => this.#announceExit(spec.id))
    } catch (error) {
      throw diskFull(error) ?? error
    }
    return observeRun(directory) ?? fail(`the record of ${spec.id} vanished during its start`)
  }

  async #spawn(spec: RunSpec, directory: RunDirectory, shimFile: string): Promise<ChildProcess> {
    const { file, args, user } = launchCommand({
      id: spec.id,
      shim: shimFile,
      run: directory.run,
      command: spec.command,
      limits: spec.limits,
      systemd: this.#systemd,
      root: process.getuid?.() === 0,
      ...(spec.user === undefined ? {} : { user: spec.user }),
    })
    // A file opened to append, never a pipe: a reader that dies would take the program with it.
    const log = await open(directory.log, 'a', 0o640)
    try {
      const child = spawn(file, args, {
        cwd: spec.cwd,
        env: { ...(this.#systemd ? userBus() : {}), ...spec.env, [RUN_MARKER]: directory.run },
        detached: true,
        stdio: ['ignore', log.fd, log.fd],
        ...user,
      })
      await started(child, spec)
      return child
    } finally {
      await log.close()
    }
  }

  list(options: { readonly removed?: boolean } = {}): Promise<readonly RunState[]> {
    const { removed = false } = options
    const runs = findRunDirectories(this.#options.directory)
      .filter((directory) => isRemoved(directory) === removed)
      .map(observeRun)
    return Promise.resolve(runs.filter((run) => run !== null))
  }

  inspect(id: string): Promise<RunState | null> {
    const directory = this.#find(id)
    return Promise.resolve(directory === null ? null : observeRun(directory))
  }

  async stop(id: string, options: { readonly graceMs: number; readonly keepLog: boolean }): Promise<void> {
    await this.#starting.get(id)?.catch(() => {})
    const directory = this.#find(id)
    if (directory === null) return
    await this.#end(directory, options.graceMs)
    if (!options.keepLog) return rm(directory.root, { recursive: true, force: true })
    await writeFileAtomic(directory.removed, this.#clock.now().toISOString())
    await this.#pruneLogs(readRecord(directory)?.environment)
  }

  onExit(listener: (id: string) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async tidy(): Promise<void> {
    for (const directory of findRunDirectories(this.#options.directory)) {
      if (isRemoved(directory)) continue
      await rotateLog(directory.log, this.#options.logLimits ?? defaultLogLimits)
      if (!this.#systemd) watchMemory(directory)
    }
  }

  /** SIGTERM to all of the run's processes, SIGKILL to those left after the grace; resolves when none is left. */
  async #end(directory: RunDirectory, graceMs: number): Promise<void> {
    const leader = readIdentity(directory)
    const begun = performance.now()
    let pids = signalRun(directory.run, leader, graceMs > 0 ? 'SIGTERM' : 'SIGKILL')
    for (let pauseMs = 10; pids.length > 0; pauseMs = Math.min(pauseMs * 1.5, 100)) {
      await sleep(pauseMs)
      const waitedMs = performance.now() - begun
      if (waitedMs > graceMs + KILL_WAIT_MS) fail(`processes ${pids.join(', ')} of ${directory.root} do not end`)
      const late = waitedMs > graceMs
      pids = late ? signalRun(directory.run, leader, 'SIGKILL') : processesOf(directory.run, leader)
    }
  }

  get #clock(): Clock {
    return this.#options.clock ?? systemClock
  }

  #directoryOf(spec: Pick<RunSpec, 'environment' | 'id'>): RunDirectory {
    return runDirectory(join(this.#options.directory, spec.environment, spec.id))
  }

  #find(id: string): RunDirectory | null {
    const isHere = (directory: RunDirectory) => existsSync(directory.spec) && !isRemoved(directory)
    const known = this.#known.get(id)
    if (known !== undefined && isHere(known)) return known
    this.#known.delete(id)
    const found = findRunDirectories(this.#options.directory).find((each) => basename(each.root) === id && isHere(each))
    if (found !== undefined) this.#known.set(id, found)
    return found ?? null
  }

  /** The shell reads its script while it runs: each version of the shim is a file of its own that never changes. */
  #installedShim(): Promise<string> {
    this.#shim ??= this.#installShim().catch((error) => {
      this.#shim = undefined
      throw error
    })
    return this.#shim
  }

  async #installShim(): Promise<string> {
    const folder = join(this.#options.directory, '.shim')
    const file = join(folder, `${createHash('sha256').update(shim).digest('hex').slice(0, 12)}.sh`)
    await mkdir(folder, { recursive: true, mode: 0o755 })
    if (!existsSync(file)) await writeFileAtomic(file, shim, { mode: 0o755 })
    return file
  }

  async #openToUser(directory: RunDirectory, { user }: RunSpec): Promise<void> {
    if (user === undefined) return
    for (const folder of [this.#options.directory, join(directory.root, '..'), directory.root]) {
      await chmod(folder, (statSync(folder).mode & 0o777) | 0o011)
    }
    await chown(directory.run, user.uid, user.gid)
    await writeFile(directory.log, '', { flag: 'a', mode: 0o640 })
    await chown(directory.log, user.uid, user.gid)
  }

  #announceExit(id: string): void {
    for (const listener of this.#listeners) listener(id)
  }

  async #pruneLogs(environment: string | undefined): Promise<void> {
    const { keepLogs = 20 } = this.#options
    const kept = findRunDirectories(this.#options.directory)
      .filter((each) => isRemoved(each) && readRecord(each)?.environment === environment)
      .map((each) => ({ root: each.root, at: statSync(each.removed).mtimeMs }))
      .toSorted((a, b) => b.at - a.at)
    for (const { root } of kept.slice(keepLogs)) await rm(root, { recursive: true, force: true })
  }
}

/** Also a user's own one must be there when we are not root: it is asked for the scopes. */
function hasSystemd(): boolean {
  const uid = process.getuid?.()
  return existsSync('/run/systemd/system') && (uid === 0 || existsSync(`/run/user/${uid}/bus`))
}

function userBus(): Readonly<Record<string, string>> {
  const uid = process.getuid?.()
  return uid === 0 ? {} : { XDG_RUNTIME_DIR: `/run/user/${uid}` }
}

function watchMemory(directory: RunDirectory): void {
  const limitBytes = readRecord(directory)?.limits.memoryBytes
  const shim = readIdentity(directory)
  if (limitBytes === undefined || shim === null || !isAlive(shim)) return
  endAboveLimit({ shim: shim.pid, limitBytes, log: directory.log })
}

function started(child: ChildProcess, spec: RunSpec): Promise<void> {
  if (child.pid !== undefined) return Promise.resolve()
  return new Promise((_resolve, reject) => {
    child.once('error', (cause) => {
      reject(
        new SluiceError('INSTANCE_CRASHED', `${spec.service} could not be started: ${cause.message}`, {
          cause,
          details: { instance: spec.id, exitCode: null, logTail: [] },
        }),
      )
    })
  })
}

function fail(message: string): never {
  throw new SluiceError('UNEXPECTED', message)
}
