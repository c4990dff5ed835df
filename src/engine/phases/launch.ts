import { canMove } from '../../model/deployment.ts'
import type { EngineContext } from '../context.ts'
import type { DeploymentRun } from '../run.ts'

/** Longest wait for the instances of one launch over and above each instance's own ready deadline. */
const LAUNCH_SLACK_MS = 60_000

/** Brings the new fleet to these counts; resolves when every instance is ready. */
export async function launch(
  context: EngineContext,
  run: DeploymentRun,
  name: string,
  counts: Readonly<Record<string, number>>,
): Promise<void> {
  const row = await context.journal.load(run.deployment)
  if (canMove(row.state, 'launching')) await context.journal.move(run.deployment, 'launching')
  await context.journal.step(
    run.deployment,
    name,
    () =>
      context.mailbox.heed(run.deployment, (signal) =>
        context.target.scale(run.release, counts, {
          signal,
          deadlineMs: launchDeadlineMs(run),
          fence: run.lease.fence,
        }),
      ),
    (fleet) => `${fleet.instances.filter((instance) => instance.state === 'ready').length} instances ready`,
  )
}

export function launchDeadlineMs(run: Pick<DeploymentRun, 'release'>): number {
  return Math.max(...run.release.services.map((service) => service.health.readyMs)) + LAUNCH_SLACK_MS
}
