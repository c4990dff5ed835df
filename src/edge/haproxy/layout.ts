import { join, relative } from 'node:path'

/**
 * Files of HAProxy below the edge's directory. HAProxy runs in `root` and names everything in it relatively, so that
 * neither spaces nor the kernel's limit of 107 bytes for a socket's path matter.
 */
export interface Layout {
  readonly root: string
  readonly configuration: string
  readonly maps: string
  readonly certificates: string
  readonly pages: string
  readonly serverState: string
  /** What HAProxy was last loaded with, and who uses its slots. */
  readonly record: string
  readonly log: string
  readonly runtimeSocket: string
  readonly masterSocket: string
  readonly staticSocket: string
  readonly probeSocket: string
}

export function layoutBelow(directory: string): Layout {
  const root = join(directory, 'haproxy')
  return {
    root,
    configuration: join(root, 'haproxy.cfg'),
    maps: join(root, 'maps'),
    certificates: join(root, 'certificates'),
    pages: join(root, 'pages'),
    serverState: join(root, 'server-state'),
    record: join(root, 'loaded.json'),
    log: join(root, 'haproxy.log'),
    runtimeSocket: join(root, 'runtime.sock'),
    masterSocket: join(root, 'master.sock'),
    staticSocket: join(root, 'static.sock'),
    probeSocket: join(root, 'probe.sock'),
  }
}

/** The shorter way to name a socket from here; the agent works in the edge's directory. */
export function shortPath(path: string): string {
  const short = relative(process.cwd(), path)
  return short.length < path.length ? short : path
}
