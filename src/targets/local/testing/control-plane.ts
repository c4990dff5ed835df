/**
 * A control plane that starts a fleet of two, says which, and then waits to be killed.
 * Arguments: the home folder, and how long the instances boot; with that it says so while they do. With `close` instead
 * it closes the target while somebody reads its logs and samples, and then has nothing left to do.
 */
import { homeAt } from '../../../support/home.ts'
import { freePorts } from '../instances/ports.ts'
import { localTarget } from '../local-target.ts'
import { processRuntime } from '../processes/process-runtime.ts'
import type { RunState } from '../processes/runtime.ts'
import { appFolder, eventually } from './fixture.ts'
import { environment, releaseRecord } from './local-world.ts'
import { PlainEdge } from './plain-edge.ts'

const home = homeAt(process.argv[2] ?? '')
const closes = process.argv[3] === 'close'
const bootMs = closes ? undefined : process.argv[3]
const runtime = processRuntime({ directory: home.instances })
const edge = new PlainEdge()
const kind = localTarget({
  edge,
  runtime,
  home,
  files: async () => appFolder,
  environmentOf: async () => (bootMs === undefined ? {} : { APP_LISTEN_DELAY_MS: bootMs }),
})
const target = kind.open({ key: environment, settings: {} })
const release = releaseRecord({ id: 'r1', httpPort: await freePorts().pick(new Set()) })
const { signal } = new AbortController()
const scaling = target.fleets.scale(release, { web: 2 }, { signal, deadlineMs: 30_000, fence: 1 })
const instances =
  bootMs === undefined ? (await scaling).instances : await eventually(async () => twoOf(await runtime.list()))
process.stdout.write(JSON.stringify(instances.map(({ id, pid }) => ({ id, pid }))))

if (closes) {
  const readers = [target.witness.logs({ tail: 1, follow: true, signal }), target.witness.samples({ signal })].map(
    readToTheEnd,
  )
  await kind.close()
  await Promise.all(readers)
  await edge.close()
}

async function readToTheEnd(source: AsyncIterable<unknown>): Promise<void> {
  for await (const _each of source);
}

function twoOf(runs: readonly RunState[]): readonly RunState[] | null {
  return runs.length === 2 && runs.every(({ alive }) => alive) ? runs : null
}
