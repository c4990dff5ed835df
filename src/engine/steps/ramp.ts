import type { EngineContext } from '../context.ts'
import { judgeUntilDecided } from '../judgement.ts'
import { probeRoutes } from '../prober.ts'
import type { DeploymentRun } from '../run.ts'

/** Clean rounds of probes before the first user. */
const PROBE_ROUNDS = 2

/** The judge drives the weight from nothing to everything. */
export async function ramp(context: EngineContext, run: DeploymentRun, name: string): Promise<void> {
  await context.journal.step(
    run.deployment,
    name,
    async () => {
      const policy = context.policyFor(run.settings, 'ramp')
      const routes = probeRoutes(context, run)
      const probes = routes.length > 0 ? { probes: { routes, rounds: PROBE_ROUNDS } } : {}
      return judgeUntilDecided(context, run, {
        phase: 'shift',
        policy: { ...policy, ...probes },
        step: name,
        weight: 0,
      })
    },
    (verdict) => verdict.summary,
  )
}
