import { SluiceError } from '../../model/error.ts'
import type { Instance } from '../../model/instance.ts'
import type { EngineContext } from '../context.ts'
import { patienceWith } from '../patience.ts'
import type { DeploymentRun } from '../run.ts'

/** Asks each new instance for the paths before any user does: 2xx or 3xx passes. */
export async function smoke(
  context: EngineContext,
  run: DeploymentRun,
  name: string,
  paths: readonly string[],
): Promise<void> {
  await context.journal.step(
    run.deployment,
    name,
    () =>
      context.mailbox.heed(run.deployment, async (signal) => {
        const { fleets } = await context.targets.of(run.environment).fleets.inspect()
        const instances = fleets.find((fleet) => fleet.release === run.release.id)?.instances ?? []
        const web = instances.filter((instance) => isWeb(run, instance))
        for (const instance of web) for (const path of paths) await expectAnswer(context, run, instance, path, signal)
        return web.length * paths.length
      }),
    (checks) => `${checks} checks passed`,
  )
}

async function expectAnswer(
  context: EngineContext,
  run: DeploymentRun,
  instance: Instance,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const target = context.targets.of(run.environment)
  const { status, detail } = await target.witness.ask(
    { route: 'preview', release: run.release, instance: instance.id },
    { service: instance.service, path },
    { signal, deadlineMs: patienceWith(target.capabilities).askMs },
  )
  if (status !== null && status >= 200 && status <= 399) return
  const what = status === null ? `gave no answer: ${detail}` : `answered ${status}`
  throw new SluiceError('INSTANCE_UNHEALTHY', `smoke check GET ${path} of ${instance.id} ${what}`, {
    hint: 'users saw nothing: no traffic was sent to the new release',
    details: { instance: instance.id, path },
  })
}

function isWeb(run: DeploymentRun, instance: Instance): boolean {
  return run.release.services.find((service) => service.name === instance.service)?.kind === 'web'
}
