import { fileURLToPath } from 'node:url'
import { controlCall, remoteEdge } from '../control/control-client.ts'
import { controlSocketOf } from '../control/control-socket.ts'
import type { CallOptions, Edge } from '../edge.ts'
import { adoptOrStartEdge } from '../edge-process.ts'
import { edgeVersion } from './version.ts'

export interface StartNodeEdgeOptions extends CallOptions {
  /** Where the edge keeps its state, its log and its control socket. */
  readonly directory: string
  readonly env?: NodeJS.ProcessEnv
  /** Told what is worth knowing; the process itself writes to `edge.log`. */
  readonly log?: (line: string) => void
  /** Version to be replaced by when it differs; absent: that of this code. */
  readonly version?: string
  /** Program of the next process; absent: that of this code. */
  readonly program?: string
}

/**
 * The Node edge of a directory: adopts the one that runs, or starts it as a process that outlives this one. One of
 * another version hands its sockets over to a new process first. Throws `EDGE_UNREACHABLE`.
 */
export async function startNodeEdge(options: StartNodeEdgeOptions): Promise<Edge> {
  const { directory, version = edgeVersion(), program = nodeEdgeProgram(), log = () => {}, ...call } = options
  const edge = await adoptOrStartEdge({ directory, program, name: 'node', ...call })
  const running = await edge.inspect(call)
  if (running.version === version) return edge
  log(`the edge of version ${running.version} hands over to version ${version}`)
  await edge.close()
  await upgradeNodeEdge({ directory, program, ...call })
  return remoteEdge(controlSocketOf(directory), call)
}

/** Replaces the running process by a new one with the code of now, without a lost connection. */
export function upgradeNodeEdge({ directory, program, ...options }: StartNodeEdgeOptions): Promise<void> {
  const path = controlSocketOf(directory)
  return controlCall<void>({
    path,
    name: 'upgrade',
    body: { program: program ?? nodeEdgeProgram() },
    options: { deadlineMs: 20_000, ...(options.signal === undefined ? {} : { signal: options.signal }) },
  })
}

/** Beside this file, with the ending that this file has: `.ts` unbuilt, `.js` as published. */
function nodeEdgeProgram(): string {
  return fileURLToPath(new URL(`./process${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url))
}
