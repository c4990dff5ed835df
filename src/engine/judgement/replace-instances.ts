import type { EngineContext } from '../context.ts'
import { patienceWith } from '../patience.ts'
import type { DeploymentRun } from '../run.ts'
import { instancesOf } from './fleet-health.ts'

/** Fresh instances in the place of suspect ones; the fleet keeps the size that it has. */
export async function replaceInstances(
  context: EngineContext,
  run: DeploymentRun,
  replace: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const counts: Record<string, number> = {}
  const target = context.targets.of(run.environment)
  for (const { service, state } of instancesOf(await target.fleets.inspect(), run.release.id)) {
    const full = run.release.services.find(({ name }) => name === service)?.instances ?? 1
    if (state !== 'stopping') counts[service] = Math.min(full, (counts[service] ?? 0) + 1)
  }
  await target.fleets.scale(run.release, counts, {
    signal,
    deadlineMs: patienceWith(target.capabilities).scaleMs(run.release),
    fence: run.lease.fence,
    replace,
  })
}
