import { spawn } from 'node:child_process'
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { rename, stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { SluiceError } from '../model/error.ts'
import type { PostgresBinaries } from './binaries.ts'
import { addressOf, type ClusterAddress, servesData } from './connection.ts'
import { serverEnvironment, superuser } from './initialise.ts'
import type { ClusterLayout } from './layout.ts'
import { chooseFreePort, isFree, rememberedPort } from './port.ts'
import { livePostmaster, type Postmaster, removeMisleadingPidFiles } from './postmaster.ts'
import { serverArguments } from './settings.ts'

export interface LaunchOptions {
  readonly layout: ClusterLayout
  readonly binaries: PostgresBinaries
  readonly password: string
  readonly maxConnections: number
  readonly settings: Readonly<Record<string, string>>
  readonly signal: AbortSignal
  readonly deadlineMs: number
  readonly log: (line: string) => void
}

const logLimitBytes = 16 * 1024 * 1024

/** Adopts the server that lives on the data directory, or starts one; resolves when it answers with our password. */
export async function adoptOrLaunch(options: LaunchOptions): Promise<{ address: ClusterAddress; adopted: boolean }> {
  const { layout, log, signal } = options
  const deadline = performance.now() + options.deadlineMs
  let child: Child | null = null
  let failures = 0
  for (;;) {
    const running = livePostmaster(layout.data)
    if (running?.status === 'ready') {
      const address = await answering(running, options, deadline)
      if (address !== null) return { address, adopted: running.identity.pid !== child?.pid }
    }
    assertTime(options, deadline)
    if (running === null && child?.hasEnded()) {
      const words = child.lastWords()
      child = null
      failures += 1
      log(`postgres ended while starting: ${words.split('\n').at(-1)}`)
      // Processes of a server that was killed may hold its memory for a while: that alone is worth waiting for.
      if (failures >= 3 && !words.includes('shared memory block')) throw startFailed(layout.logFile, words)
      await sleep(Math.min(100 * failures, 1000), undefined, { signal })
    } else if (running === null && child === null) {
      child = await launch(options, failures)
    } else {
      await sleep(10, undefined, { signal }) // starting, recovering or stopping
    }
  }
}

interface Child {
  readonly pid: number | undefined
  hasEnded(): boolean
  lastWords(): string
}

async function answering(
  running: Postmaster,
  options: LaunchOptions,
  deadline: number,
): Promise<ClusterAddress | null> {
  const { layout, password } = options
  const database = superuser
  const address = addressOf({
    port: running.port,
    socketDirectory: running.socketDirectory,
    user: superuser,
    password,
    database,
  })
  const timeoutMs = Math.max(1, Math.min(5000, deadline - performance.now()))
  try {
    if (await servesData(address, layout.data, timeoutMs)) return address
  } catch (cause) {
    if ((cause as { code?: string }).code !== '28P01') return null // not yet: starting, or out of connections
    throw new SluiceError('POSTGRES_UNAVAILABLE', `the server on port ${running.port} does not take our password`, {
      hint: `${layout.passwordFile} does not belong to ${layout.data}: restore the one that does`,
      cause,
    })
  }
  return null
}

async function launch(options: LaunchOptions, failures: number): Promise<Child> {
  const { layout, binaries, maxConnections, settings } = options
  removeMisleadingPidFiles(layout.data, layout.sockets)
  await rotate(layout.logFile)
  const port = await usablePort(layout.portFile, failures, options.log)
  const args = serverArguments({ port, socketDirectory: layout.sockets, maxConnections, extra: settings })
  const output = openSync(layout.logFile, 'a', 0o600)
  const from = fstatSync(output).size
  // A session of its own and a file for its output: the server outlives us.
  const child = spawn(binaries.postgres, ['-D', layout.data, ...args], {
    cwd: '/',
    detached: true,
    env: serverEnvironment,
    stdio: ['ignore', output, output],
    ...layout.user,
  })
  closeSync(output)
  let failure: Error | null = null
  child.once('error', (error) => {
    failure = error
  })
  child.unref()
  return {
    pid: child.pid,
    hasEnded: () => failure !== null || child.exitCode !== null || child.signalCode !== null,
    lastWords: () => failure?.message ?? (readFileSync(layout.logFile).subarray(from).toString().trim() || 'no output'),
  }
}

/** The remembered port, kept for a while when a stranger sits on it: running applications know the old address. */
async function usablePort(file: string, failures: number, log: (line: string) => void): Promise<number> {
  const remembered = rememberedPort(file)
  if (remembered !== null && (failures === 0 || (await isFree(remembered)))) return remembered
  const port = await chooseFreePort(file)
  if (remembered !== null) log(`port ${remembered} is taken by another program: PostgreSQL moves to ${port}`)
  return port
}

async function rotate(logFile: string): Promise<void> {
  const found = await stat(logFile).catch(() => null)
  if (found !== null && found.size > logLimitBytes) await rename(logFile, `${logFile}.1`)
}

function assertTime(options: LaunchOptions, deadline: number): void {
  options.signal.throwIfAborted()
  if (performance.now() < deadline) return
  throw new SluiceError('DEADLINE_EXCEEDED', `PostgreSQL did not answer within ${options.deadlineMs} ms`, {
    hint: `see ${options.layout.logFile}; after a crash it may need longer to replay its log`,
  })
}

function startFailed(logFile: string, words: string): SluiceError {
  const lines = words.split('\n').slice(-20)
  const full = words.includes('No space left on device')
  const fatal = lines.findLast((line) => /FATAL|PANIC|error/.test(line)) ?? lines.at(-1)
  return new SluiceError(full ? 'DISK_FULL' : 'POSTGRES_UNAVAILABLE', `PostgreSQL does not start: ${fatal}`, {
    hint: full ? 'free some disk space' : `see ${logFile}`,
    details: { lines },
  })
}
