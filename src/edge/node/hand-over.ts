import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { SluiceError } from '../../model/error.ts'
import type { Sample } from '../../model/sample.ts'
import type { SavedEdge } from '../edge-state.ts'
import type { LoggedBatch } from '../samples/sample-log.ts'

/** The listening sockets come as descriptors from this number on, in the order of `ports`. */
const FIRST_DESCRIPTOR = 4
const READY_MS = 15_000

/** What the process before tells its successor. */
export interface TakeOver {
  readonly type: 'take-over'
  readonly ports: readonly number[]
  readonly saved: SavedEdge
  readonly health: Readonly<Record<string, boolean>>
  /** Control socket of the process before, which goes on with the connections that it has. */
  readonly predecessor: string
}

export type FromSuccessor = { readonly type: 'ready' } | { readonly type: 'failed'; readonly reason: string }

/** Increments of requests that the process before still finishes. */
export interface LateSamples {
  readonly type: 'samples'
  readonly environment: string
  readonly samples: readonly Sample[]
}

/** Starts the next edge process with our listening sockets; resolves when it serves, rejects when it cannot. */
export function startSuccessor(options: {
  readonly directory: string
  readonly program: string
  readonly descriptors: ReadonlyMap<number, number>
  readonly takeOver: Omit<TakeOver, 'type' | 'ports'>
}): Promise<ChildProcess> {
  const { directory, program, descriptors, takeOver } = options
  const log = openSync(join(directory, 'edge.log'), 'a', 0o600)
  const child = spawn(process.execPath, [program, '--directory', directory, '--successor'], {
    detached: true,
    stdio: ['ignore', log, log, 'ipc', ...descriptors.values()],
    cwd: directory,
  })
  closeSync(log)
  return new Promise((resolve, reject) => {
    const fail = (reason: string) => {
      clearTimeout(timer)
      child.kill('SIGKILL')
      reject(new SluiceError('EDGE_UNREACHABLE', `the next edge process did not take over: ${reason}`))
    }
    const timer = setTimeout(() => fail(`not ready within ${READY_MS} ms`), READY_MS)
    child.on('error', (error) => fail(error.message))
    child.on('exit', (code) => fail(`it ended (exit code ${code})`))
    child.on('message', (message: FromSuccessor) => {
      if (message.type === 'failed') return fail(message.reason)
      clearTimeout(timer)
      child.removeAllListeners('exit')
      resolve(child)
    })
    child.send({ type: 'take-over', ports: [...descriptors.keys()], ...takeOver } satisfies TakeOver)
  })
}

export function sendLate(child: ChildProcess, batches: readonly LoggedBatch[]): void {
  for (const { environment, samples } of batches) {
    if (!child.connected) return
    child.send({ type: 'samples', environment, samples: JSON.parse(samples) } satisfies LateSamples)
  }
}

/** In the next process: waits for what the one before has to say. */
export function receiveTakeOver(): Promise<TakeOver> {
  return new Promise((resolve, reject) => {
    process.once('message', (message: TakeOver) => resolve(message))
    process.once('disconnect', () => reject(new SluiceError('EDGE_UNREACHABLE', 'the process before is gone')))
  })
}

export function inheritedDescriptors({ ports }: TakeOver): ReadonlyMap<number, number> {
  return new Map(ports.map((port, index) => [port, FIRST_DESCRIPTOR + index]))
}
