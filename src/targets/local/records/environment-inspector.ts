import type { Edge, EdgeEnvironment, EdgeInstance } from '../../../edge/edge.ts'
import type { Fleet, Instance, InstanceState } from '../../../model/instance.ts'
import type { FleetsState, ReleaseUsage, TrafficUsage } from '../../target.ts'
import type { RunState, Runtime } from '../processes/runtime.ts'
import type { EnvironmentStore } from './environment-store.ts'

/** Puts together what the process table, the edge and our own records say of an environment. */
export async function inspectEnvironment(
  environment: string,
  sources: {
    readonly edge: Edge
    readonly runtime: Runtime
    readonly store: EnvironmentStore
    readonly isCrashLooping: (id: string) => boolean
    readonly isStopping: (id: string) => boolean
  },
): Promise<FleetsState & TrafficUsage> {
  const { edge, runtime, store } = sources
  const [runs, edgeState] = await Promise.all([runtime.list(), edge.inspect({ deadlineMs: 10_000 })])
  const seen = edgeState.environments.find((each) => each.environment === environment) ?? null
  const own = runs.filter((run) => run.environment === environment)
  return {
    fleets: fleets(environment, own, seen, sources),
    split: seen?.split ?? null,
    fence: Math.max(store.get(environment)?.fence ?? 0, seen?.fence ?? 0),
    releases: usage(seen, own),
  }
}

function fleets(
  environment: string,
  runs: readonly RunState[],
  seen: EdgeEnvironment | null,
  sources: { readonly isCrashLooping: (id: string) => boolean; readonly isStopping: (id: string) => boolean },
): readonly Fleet[] {
  const releases = [...new Set(runs.map(({ release }) => release))]
  return releases.map((release) => ({
    environment,
    release,
    instances: runs
      .filter((run) => run.release === release)
      .toSorted((a, b) => a.service.localeCompare(b.service) || a.index - b.index)
      .map((run) =>
        instanceOf(
          run,
          stateOf(
            run,
            seen?.instances.find(({ id }) => id === run.id),
            sources,
          ),
        ),
      ),
  }))
}

function stateOf(
  run: RunState,
  seen: EdgeInstance | undefined,
  sources: { readonly isCrashLooping: (id: string) => boolean; readonly isStopping: (id: string) => boolean },
): InstanceState {
  if (sources.isCrashLooping(run.id)) return 'crash-loop'
  if (!run.alive) return 'exited'
  if (sources.isStopping(run.id) || seen?.draining) return 'stopping'
  if (run.port === undefined) return 'ready'
  if (seen === undefined || seen.lastCheck === null) return seen?.healthy ? 'ready' : 'starting'
  return seen.healthy ? 'ready' : 'unready'
}

export function instanceOf(run: RunState, state: InstanceState): Instance {
  const { id, environment, release, service, index, port, alive, pid, startedAt, restarts, exit } = run
  return {
    id,
    environment,
    release,
    service,
    index,
    state,
    ...(port === undefined ? {} : { address: { host: '127.0.0.1', port } }),
    ...(alive ? { pid } : {}),
    startedAt,
    restarts,
    ...(exit === undefined ? {} : { exit }),
  }
}

function usage(seen: EdgeEnvironment | null, runs: readonly RunState[]): Readonly<Record<string, ReleaseUsage>> {
  const instances = seen?.instances ?? []
  const releases = new Set([...instances.map(({ release }) => release), ...runs.map(({ release }) => release)])
  return Object.fromEntries(
    [...releases].map((release) => {
      const own = instances.filter((each) => each.release === release)
      const times = own.flatMap(({ lastRequestAt }) => lastRequestAt ?? []).toSorted()
      return [
        release,
        {
          inFlight: own.reduce((sum, each) => sum + each.inFlight, 0),
          lastRequestAt: times.at(-1) ?? null,
          healthyInstances: own.filter(({ healthy }) => healthy).length,
        },
      ]
    }),
  )
}
