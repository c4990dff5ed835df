import { mkdir } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { isAlive } from '../../support/process-identity.ts'
import { controlCall } from '../control/control-client.ts'
import { controlSocketOf } from '../control/control-socket.ts'
import type { CallOptions, Edge } from '../edge.ts'
import { adoptOrStartEdge, livingEdge } from '../edge-process.ts'
import { EDGE_NAME, EDGE_VERSION } from './constants.ts'
import { chooseProgram } from './program/program.ts'

export interface StartHaproxyEdgeOptions extends CallOptions {
  /** Absolute folder of the edge: state, samples, sockets, logs. */
  readonly directory: string
  /** Absolute path of the program; absent: the first one on PATH. */
  readonly haproxyPath?: string
  readonly env?: NodeJS.ProcessEnv
  /** Told what is worth knowing; the agent itself writes to `edge.log`. */
  readonly log?: (line: string) => void
}

/**
 * Adopts the HAProxy edge of the directory or starts it: an agent process and HAProxy itself, both of which outlive
 * the caller. An agent of another version is replaced; HAProxy serves on meanwhile.
 */
export async function startHaproxyEdge(options: StartHaproxyEdgeOptions): Promise<Edge> {
  const { directory, haproxyPath, env, log = () => {}, signal, deadlineMs } = options
  const living = await livingEdge(directory)
  if (living !== null && living.name === EDGE_NAME && living.version !== EDGE_VERSION) {
    log(`the agent of HAProxy is replaced: version ${living.version} by ${EDGE_VERSION}`)
    await controlCall<void>({ path: controlSocketOf(directory), name: 'leave', body: null })
    const until = performance.now() + (deadlineMs ?? 15_000)
    while (isAlive(living) && performance.now() < until) await sleep(10)
  }
  if (haproxyPath !== undefined) {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    await chooseProgram(directory, haproxyPath)
  }
  return adoptOrStartEdge({
    directory,
    program: fileURLToPath(new URL(`./process${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url)),
    name: EDGE_NAME,
    ...(env === undefined ? {} : { env }),
    ...(signal === undefined ? {} : { signal }),
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
  })
}
