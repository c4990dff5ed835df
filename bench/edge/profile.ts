import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string }
  }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

export interface Share {
  readonly part: string
  /** 0..1 of the time that the process was busy. */
  readonly share: number
}

/** Runs what starts the edge so that its process leaves a CPU profile behind, and tells where its time went. */
export async function profiled(work: (env: NodeJS.ProcessEnv) => Promise<void>): Promise<readonly Share[]> {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-profile-'))
  try {
    await work({ ...process.env, NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${directory}` })
    const [file] = await readdir(directory)
    if (file === undefined) return []
    return sharesOf(JSON.parse(await readFile(join(directory, file), 'utf8')))
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

function sharesOf(profile: CpuProfile): readonly Share[] {
  const parts = new Map(profile.nodes.map((node) => [node.id, partOf(node.callFrame)]))
  const times = new Map<string, number>()
  let busy = 0
  profile.samples.forEach((id, index) => {
    const part = parts.get(id) ?? 'other'
    const time = profile.timeDeltas[index] ?? 0
    if (part === 'idle') return
    busy += time
    times.set(part, (times.get(part) ?? 0) + time)
  })
  return [...times].map(([part, time]) => ({ part, share: time / busy })).sort((a, b) => b.share - a.share)
}

function partOf({ functionName, url }: CpuProfile['nodes'][number]['callFrame']): string {
  if (functionName === '(idle)') return 'idle'
  if (functionName === '(garbage collector)') return 'garbage collector'
  if (/^write(?:v|Buffer|\w+String)$/.test(functionName) && url === '') return 'writing to sockets (kernel)'
  const own = /src\/edge\/(?:[a-z-]+\/)*([a-z-]+)\.(?:ts|js)$/.exec(url)?.[1]
  if (own !== undefined) return `ours: ${own}`
  if (url.startsWith('node:_http')) return 'HTTP server of Node'
  if (/^node:(?:net|internal\/streams|internal\/stream_base|events|internal\/process)/.test(url))
    return 'sockets, streams and events of Node'
  return 'other of Node (start, parser, timers)'
}
