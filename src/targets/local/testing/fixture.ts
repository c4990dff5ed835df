import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sleep } from '../../../support/clock.ts'
import type { RunSpec, Runtime } from '../processes/runtime.ts'

/** Helpers of this folder's tests: real folders, real processes, waiting for conditions. */
export const appFolder = fileURLToPath(new URL('../../../../e2e/apps', import.meta.url))

/** The command line of the test application with its switches, such as `--crash-after-ms=300`. */
export function appCommand(...switches: readonly string[]): string {
  return [`"${process.execPath}"`, 'app.mjs', ...switches].join(' ')
}

export async function temporaryFolder(): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'sluice-local-'))
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 5 }) }
}

/** Waits until the check answers something else than null, undefined or false. */
export async function eventually<Value>(
  check: () => Value | Promise<Value>,
  timeoutMs = 120_000,
): Promise<Exclude<Value, null | undefined | false>> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const value = await check()
    if (value !== null && value !== undefined && value !== false) {
      return value as Exclude<Value, null | undefined | false>
    }
    if (performance.now() > deadline) throw new Error(`never became true: ${check.toString()}`)
    await sleep(20)
  }
}

export function runSpec(spec: Partial<RunSpec> & { readonly id: string }): RunSpec {
  return {
    environment: 'shop.test',
    release: 'r1',
    service: 'web',
    index: 0,
    command: appCommand('--port=0'),
    cwd: appFolder,
    env: { PATH: '/usr/local/bin:/usr/bin:/bin' },
    limits: {},
    ...spec,
  }
}

export async function stopAll(runtime: Runtime): Promise<void> {
  for (const run of await runtime.list()) await runtime.stop(run.id, { graceMs: 0, keepLog: false })
}

export function logOf(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => '')
}

export function isProcessAlive(pid: number): Promise<boolean> {
  return readFile(`/proc/${pid}/stat`, 'utf8').then(
    (stat) => !/\) [ZX] /.test(stat),
    () => false,
  )
}

export function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
