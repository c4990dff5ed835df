import { cameToNothing, isOutcome } from '../model/deployment.ts'
import type { ReleaseRecord } from '../model/release.ts'
import { withoutCredentials } from '../secrets/shown.ts'
import { listSteps, type StepRow } from '../store/activities.ts'
import type { DeploymentRow } from '../store/deployments.ts'
import { listReleasesById } from '../store/releases.ts'
import type { EngineContext } from './context.ts'
import type { Deployment, DeploymentStep, DeploymentSummary } from './engine.ts'

type Context = Pick<EngineContext, 'database' | 'targets'>

export async function deploymentView(context: Context, row: DeploymentRow): Promise<Deployment> {
  const steps = await listSteps(context.database, row.id)
  const [release] = await listReleasesById(context.database, [shownRelease(row)])
  return whole(context, row, steps, release?.record)
}

/** Many at the cost of one: a query for the steps of all, and one for the releases. */
export async function deploymentViews(
  context: Context,
  rows: readonly DeploymentRow[],
): Promise<readonly Deployment[]> {
  const [steps, releases] = await Promise.all([
    listSteps(
      context.database,
      rows.map(({ id }) => id),
    ),
    listReleasesById(context.database, rows.map(shownRelease)),
  ])
  const stepsOf = Map.groupBy(steps, ({ activity }) => activity)
  const recordOf = new Map(releases.map(({ id, record }) => [id, record]))
  return rows.map((row) => whole(context, row, stepsOf.get(row.id) ?? [], recordOf.get(shownRelease(row) ?? '')))
}

/** What the row alone tells. */
export function deploymentSummary(row: DeploymentRow): DeploymentSummary {
  return {
    id: row.id,
    kind: row.kind,
    environment: row.environment,
    state: row.state,
    running: !isOutcome(row.state),
    strategy: row.strategy,
    release: row.release,
    previousRelease: row.previous_release,
    by: row.requested_by,
    createdAt: row.created_at.toISOString(),
    servingAt: row.serving_at?.toISOString() ?? null,
    finishedAt: row.finished_at?.toISOString() ?? null,
    weight: row.weight,
    seconds: row.seconds,
    reason: withoutCredentials(row.reason),
    question: row.question,
    waiting: row.waiting,
  }
}

/** The row as readers see it; older versions wrote commands down as they were. */
function whole(
  { targets }: Context,
  row: DeploymentRow,
  steps: readonly StepRow[],
  shown: ReleaseRecord | undefined,
): Deployment {
  return {
    ...deploymentSummary(row),
    urls: shown === undefined ? [] : targets.of(row.environment).traffic.urls(shown),
    steps: steps.map(stepView),
    verdict: row.verdict,
    differences: withoutCredentials(row.differences),
  }
}

function stepView(step: StepRow): DeploymentStep {
  return {
    name: step.name,
    state: step.state,
    startedAt: step.started_at?.toISOString() ?? null,
    finishedAt: step.finished_at?.toISOString() ?? null,
    detail: withoutCredentials(step.detail),
  }
}

/** What serves, as far as this deployment knows. */
function shownRelease(row: DeploymentRow): string | null {
  return cameToNothing(row.state) ? row.previous_release : row.release
}
