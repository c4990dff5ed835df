import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { run } from '../../src/support/run.ts'

export const LOAD_CORE = 0
export const EDGE_CORE = 1

/** A process on one core; ended by `stop`. */
export function pinned(core: number, argv: readonly string[]): ChildProcess {
  return spawn('taskset', ['-c', String(core), ...argv], { stdio: ['ignore', 'pipe', 'inherit'] })
}

/** Moves a running process with all its threads to a core. */
export async function pin(pid: number, core: number): Promise<void> {
  await run(['taskset', '-acp', String(core), String(pid)], { timeoutMs: 5000, env: process.env })
}

export function program(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url))
}

export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  const killer = setTimeout(() => child.kill('SIGKILL'), 2000)
  await once(child, 'exit')
  clearTimeout(killer)
}

export async function untilListening(port: number): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const socket = connect({ port, host: '127.0.0.1' })
    const isOpen = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(() => false),
    ]).catch(() => false)
    socket.destroy()
    if (isOpen) return
    await sleep(25)
  }
  throw new Error(`nothing listens on port ${port}`)
}

export interface CpuUse {
  readonly userMs: number
  readonly systemMs: number
}

const TICK_MS = 10

/** Processor time of processes since their start. */
export function cpuOf(pids: readonly number[]): CpuUse {
  let [userMs, systemMs] = [0, 0]
  for (const pid of pids) {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    userMs += Number(fields[11]) * TICK_MS
    systemMs += Number(fields[12]) * TICK_MS
  }
  return { userMs, systemMs }
}
