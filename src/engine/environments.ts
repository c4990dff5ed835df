import { SluiceError } from '../model/error.ts'
import { type DeploymentRow, listCurrentDeployments } from '../store/deployments.ts'
import { type EnvironmentRow, listEnvironments } from '../store/environments.ts'
import { listReleasesById } from '../store/releases.ts'
import type { EngineContext } from './context.ts'
import { deploymentSummary, deploymentViews } from './deployment-views.ts'
import type { DeploymentSummary, Environment, EnvironmentSummary, Environments } from './engine.ts'
import { holdRequests } from './holds.ts'
import { resolveEnvironment } from './resolve-environment.ts'
import { samplesSince } from './samples-since.ts'

export function environmentsOf(context: EngineContext): Environments {
  return {
    list: async () => environmentViews(context, await listEnvironments(context.database)),
    summaries: async () =>
      described(context, await listEnvironments(context.database), async (current) => current.map(deploymentSummary)),
    keyOf: async (environment) => (await resolveEnvironment(context, environment)).key,
    get: async (environment) => {
      const row = await resolveEnvironment(context, environment)
      const [view] = await environmentViews(context, [row])
      if (view === undefined) throw new SluiceError('UNEXPECTED', `${row.key} was not shown`)
      return view
    },
    async *logs(query) {
      const { key } = await resolveEnvironment(context, query.environment)
      yield* context.targets.of(key).witness.logs(query)
    },
    samples: async (environment, after) => {
      const { key } = await resolveEnvironment(context, environment)
      return samplesSince(context.targets.of(key), after ?? null)
    },
    hold: async (actor, environment, mode, service) => {
      const { key } = await resolveEnvironment(context, environment)
      await holdRequests(context, key, { mode, ...(service === undefined ? {} : { service }) }, actor)
    },
  }
}

/** Each place is looked at, all at once; the database is asked as often as for one environment. */
async function environmentViews(
  context: EngineContext,
  rows: readonly EnvironmentRow[],
): Promise<readonly Environment[]> {
  const [known, states] = await Promise.all([
    described(context, rows, (current) => deploymentViews(context, current)),
    Promise.all(
      rows.map(({ key }) =>
        context.targets
          .of(key)
          .fleets.inspect()
          .catch(() => null),
      ),
    ),
  ])
  return known.map((environment, index) => ({ ...environment, fleets: states[index]?.fleets ?? [] }))
}

async function described<Shown extends DeploymentSummary>(
  context: EngineContext,
  rows: readonly EnvironmentRow[],
  show: (current: readonly DeploymentRow[]) => Promise<readonly Shown[]>,
): Promise<readonly (EnvironmentSummary & { readonly deployment: Shown | null })[]> {
  const keys = rows.map(({ key }) => key)
  const serving = rows.map(({ release }) => release)
  const [releases, deployments] = await Promise.all([
    listReleasesById(context.database, serving),
    listCurrentDeployments(context.database, keys).then(show),
  ])
  const recordOf = new Map(releases.map(({ id, record }) => [id, record]))
  const deploymentOf = new Map(deployments.map((deployment) => [deployment.environment, deployment]))
  return rows.map((row) => {
    const record = recordOf.get(row.release ?? '')
    return {
      key: row.key,
      project: row.project,
      name: row.name,
      release: row.release,
      warmRelease: row.warm_release,
      urls: record === undefined ? [] : context.targets.of(row.key).traffic.urls(record),
      previewKey: row.preview_key,
      holds: row.holds,
      deployment: deploymentOf.get(row.key) ?? null,
    }
  })
}
