import { spawn } from 'node:child_process'
import { open, readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { SluiceError } from '../../../model/error.ts'
import { identityOf, isAlive, type ProcessIdentity } from '../../../support/process-identity.ts'
import { run } from '../../../support/run.ts'
import type { Layout } from '../layout.ts'
import { ask } from './runtime-socket.ts'

export interface Workers {
  readonly current: number | null
  /** Replaced by a reload, still busy with the connections they have. */
  readonly old: readonly number[]
}

const CHECK_TIMEOUT_MS = 10_000
const START_TIMEOUT_MS = 10_000
const MASTER_TIMEOUT_MS = 3000

/** HAProxy in master-worker mode, detached: it outlives the agent, which finds it again by its identity. */
export class HaproxyProcess {
  readonly #program: string
  readonly #layout: Layout
  #master: ProcessIdentity | null

  constructor(program: string, layout: Layout, master: ProcessIdentity | null) {
    this.#program = program
    this.#layout = layout
    this.#master = master
  }

  get master(): ProcessIdentity | null {
    return this.#master !== null && isAlive(this.#master) ? this.#master : null
  }

  /** Throws `EDGE_REFUSED_TABLE` with HAProxy's words when it would not load the configuration. */
  async check(): Promise<void> {
    const { code, stderr } = await run([this.#program, '-c', '-q', '-C', this.#layout.root, '-f', 'haproxy.cfg'], {
      timeoutMs: CHECK_TIMEOUT_MS,
    })
    if (code !== 0) throw refused(stderr)
  }

  /** Starts a master; `orphans` are workers without one that hand their listeners over and finish. */
  async start(
    generation: number,
    orphans: readonly number[],
    onSpawned: (master: ProcessIdentity | null) => Promise<void>,
  ): Promise<void> {
    const { root, log } = this.#layout
    const inherit = orphans.length === 0 ? [] : ['-x', 'runtime.sock', '-sf', ...orphans.map(String)]
    const file = await open(log, 'a', 0o600)
    const logStart = (await file.stat()).size
    let child: ReturnType<typeof spawn>
    try {
      child = spawn(
        this.#program,
        ['-W', '-S', 'unix@master.sock,mode,600', '-C', root, '-f', 'haproxy.cfg', ...inherit],
        {
          cwd: root,
          detached: true,
          stdio: ['ignore', file.fd, file.fd],
        },
      )
    } finally {
      await file.close()
    }
    let failure: string | null = null
    child.on('error', (error) => (failure = error.message))
    child.on('exit', (code, signal) => (failure = `exit ${code ?? signal}`))
    child.unref()
    if (child.pid !== undefined) this.#master = identityOf(child.pid)
    await onSpawned(this.#master)
    await this.#untilGeneration(generation, async () => {
      if (failure === null) return null
      return refused(`${await textFrom(log, logStart)}\n${failure}`)
    })
  }

  /** The new worker takes the listeners over; the old one keeps serving when it cannot start. */
  async reload(generation: number): Promise<void> {
    const { master } = this
    if (master === null) throw new SluiceError('EDGE_UNREACHABLE', 'HAProxy is not running')
    const { log } = this.#layout
    const logStart = (await readFile(log).catch(() => Buffer.alloc(0))).length
    process.kill(master.pid, 'SIGUSR2')
    await this.#untilGeneration(generation, async () => {
      const text = await textFrom(log, logStart)
      return alertsIn(text).length > 0 || /Loading failure/.test(text) ? refused(text) : null
    })
  }

  async workers(): Promise<Workers> {
    const text = await this.#askMaster('show proc; quit')
    const [current = '', old = ''] = text.split('# old workers')
    return {
      current: pidsOf(current.split('# workers')[1] ?? '')[0] ?? null,
      old: pidsOf(old.split('# programs')[0] ?? ''),
    }
  }

  /** Runs commands in one worker, also in one that a reload has replaced. */
  askWorker(pid: number, commands: readonly string[]): Promise<string> {
    const line = commands.map((each) => `@!${pid} ${each}`).join('; ')
    return this.#askMaster(`${line}; quit`)
  }

  /** The master is deaf for a moment when it starts and while it replaces itself. */
  async #askMaster(line: string): Promise<string> {
    const until = performance.now() + MASTER_TIMEOUT_MS
    for (;;) {
      try {
        return await ask(this.#layout.masterSocket, line)
      } catch (error) {
        if (performance.now() > until || this.master === null) throw error
        await sleep(5)
      }
    }
  }

  /** Lets connections end for `graceMs`, then ends them. */
  async stop(graceMs: number): Promise<void> {
    const { master } = this
    if (master === null) return
    for (const [signal, waitMs] of [
      ['SIGUSR1', graceMs],
      ['SIGTERM', 2000],
      ['SIGKILL', 2000],
    ] as const) {
      try {
        process.kill(signal === 'SIGKILL' ? -master.pid : master.pid, signal)
      } catch {
        return
      }
      const until = performance.now() + waitMs
      while (isAlive(master) && performance.now() < until) await sleep(20)
      if (!isAlive(master)) return
    }
  }

  async #untilGeneration(generation: number, failure: () => Promise<SluiceError | null>): Promise<void> {
    const until = performance.now() + START_TIMEOUT_MS
    for (;;) {
      const info = await ask(this.#layout.runtimeSocket, 'show info').catch(() => '')
      if (info.includes(`description: generation-${generation}\n`)) return
      const failed = await failure()
      if (failed !== null) throw failed
      if (performance.now() > until) {
        throw new SluiceError('EDGE_UNREACHABLE', 'HAProxy did not take the configuration in time', {
          hint: `read ${this.#layout.log}`,
        })
      }
      await sleep(10)
    }
  }
}

function pidsOf(text: string): number[] {
  return [...text.matchAll(/^(\d+)\s+worker\b/gm)].map(([, pid]) => Number(pid))
}

async function textFrom(file: string, start: number): Promise<string> {
  return (await readFile(file).catch(() => Buffer.alloc(0))).subarray(start).toString()
}

/** Alerts about the configuration; that a backend has lost its last server is news and no refusal. */
function alertsIn(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => /\[ALERT\]/.test(line) && !/has no server available|is DOWN/.test(line))
    .map((line) => line.replace(/^\[ALERT\]\s*\(\d+\)\s*:\s*/, ''))
}

function refused(text: string): SluiceError {
  const alerts = alertsIn(text)
  const isPort = alerts.some((line) => /cannot bind|Address already in use/i.test(line))
  return new SluiceError(
    isPort ? 'PORT_TAKEN' : 'EDGE_REFUSED_TABLE',
    `HAProxy refused its configuration: ${alerts[0] ?? text.trim().slice(-300)}`,
    { details: { alerts } },
  )
}
