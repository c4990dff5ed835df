import { SluiceError } from '../model/error.ts'
import { listDeployments } from '../store/deployments.ts'
import { type EnvironmentRow, listEnvironments } from '../store/environments.ts'
import { findRelease } from '../store/releases.ts'
import { nearest } from '../support/nearest.ts'
import type { EngineContext } from './context.ts'
import { view } from './deployments.ts'
import type { Environment, Environments } from './engine.ts'
import { holdRequests } from './holds.ts'

export function environmentsOf(context: EngineContext): Environments {
  return {
    list: async () =>
      Promise.all((await listEnvironments(context.database)).map((row) => environmentView(context, row))),
    get: async (environment) => environmentView(context, await resolveEnvironment(context, environment)),
    async *logs(query) {
      const { key } = await resolveEnvironment(context, query.environment)
      yield* context.targets.of(key).witness.logs(query)
    },
    samples: async (environment, after) => {
      const { key } = await resolveEnvironment(context, environment)
      const abort = new AbortController()
      for await (const batch of context.targets.of(key).witness.samples({
        signal: abort.signal,
        ...(after === undefined ? {} : { after }),
      })) {
        abort.abort()
        return batch
      }
      return { samples: [], cursor: after ?? '' }
    },
    hold: async (actor, environment, mode, service) => {
      const { key } = await resolveEnvironment(context, environment)
      await holdRequests(context, key, { mode, ...(service === undefined ? {} : { service }) }, actor)
    },
  }
}

/** By key, or by name where only one project has it. */
export async function resolveEnvironment(context: EngineContext, wanted: string): Promise<EnvironmentRow> {
  const rows = await listEnvironments(context.database)
  const exact = rows.find((row) => row.key === wanted)
  if (exact !== undefined) return exact
  const named = rows.filter((row) => row.name === wanted)
  if (named.length === 1 && named[0] !== undefined) return named[0]
  if (named.length > 1) {
    throw new SluiceError('ENVIRONMENT_UNKNOWN', `${named.length} projects have an environment ${wanted}`, {
      hint: `name one of ${named.map((row) => row.key).join(', ')}`,
    })
  }
  const names = rows.flatMap((row) => [row.key, row.name])
  const suggestion = nearest(wanted, names)
  throw new SluiceError('ENVIRONMENT_UNKNOWN', `there is no environment ${wanted}`, {
    hint:
      rows.length === 0
        ? 'nothing was deployed yet: run `sluice deploy <environment>`'
        : `${suggestion === null ? '' : `did you mean ${suggestion}? `}known: ${rows.map((row) => row.key).join(', ')}`,
  })
}

async function environmentView(context: EngineContext, row: EnvironmentRow): Promise<Environment> {
  const target = context.targets.of(row.key)
  const [state, deployments, release] = await Promise.all([
    target.fleets.inspect().catch(() => null),
    listDeployments(context.database, { environment: row.key, limit: 20 }),
    row.release === null ? undefined : findRelease(context.database, row.release),
  ])
  const shown = deployments.find((deployment) => deployment.finished_at === null) ?? deployments[0]
  return {
    key: row.key,
    project: row.project,
    name: row.name,
    release: row.release,
    warmRelease: row.warm_release,
    urls: release === undefined ? [] : target.traffic.urls(release.record),
    previewKey: row.preview_key,
    holds: row.holds,
    fleets: state?.fleets ?? [],
    deployment: shown === undefined ? null : await view(context, shown),
  }
}
