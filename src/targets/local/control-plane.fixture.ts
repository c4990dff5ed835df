/** A control plane that starts a fleet of two, says which, and then waits to be killed. Argument: the home folder. */
import { homeAt } from '../../support/home.ts'
import { appFolder } from './fixture.ts'
import { localTarget } from './local-target.ts'
import { releaseRecord } from './local-world.ts'
import { PlainEdge } from './plain-edge.ts'
import { freePorts } from './ports.ts'
import { processRuntime } from './process-runtime.ts'

const home = homeAt(process.argv[2] ?? '')
const target = localTarget({
  edge: new PlainEdge(),
  runtime: processRuntime({ directory: home.instances }),
  home,
  files: async () => appFolder,
  environmentOf: async () => ({}),
})
const release = releaseRecord({ id: 'r1', httpPort: await freePorts().pick(new Set()) })
const { signal } = new AbortController()
const fleet = await target.scale(release, { web: 2 }, { signal, deadlineMs: 30_000, fence: 1 })
process.stdout.write(JSON.stringify(fleet.instances.map(({ id, pid }) => ({ id, pid }))))
