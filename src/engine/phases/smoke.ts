import { SluiceError } from '../../model/error.ts'
import type { Instance } from '../../model/instance.ts'
import type { EngineContext } from '../context.ts'
import type { DeploymentRun } from '../run.ts'

const SMOKE_MS = 10_000

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
        const { fleets } = await context.target.inspect(run.environment)
        const instances = fleets.find((fleet) => fleet.release === run.release.id)?.instances ?? []
        const web = instances.filter((instance) => isWeb(run, instance) && instance.address !== undefined)
        for (const instance of web) for (const path of paths) await expectAnswer(instance, path, signal)
        return web.length * paths.length
      }),
    (checks) => `${checks} checks passed`,
  )
}

async function expectAnswer(instance: Instance, path: string, signal: AbortSignal): Promise<void> {
  const { host, port } = instance.address ?? { host: '127.0.0.1', port: 0 }
  const failed = (what: string) =>
    new SluiceError('INSTANCE_UNHEALTHY', `smoke check GET ${path} of ${instance.id} ${what}`, {
      hint: 'users saw nothing: no traffic was sent to the new release',
      details: { instance: instance.id, path },
    })
  let status: number
  try {
    const response = await fetch(`http://${host}:${port}${path}`, {
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(SMOKE_MS)]),
    })
    await response.body?.cancel()
    status = response.status
  } catch (error) {
    signal.throwIfAborted()
    throw failed(
      error instanceof Error && error.name === 'TimeoutError' ? `gave no answer in ${SMOKE_MS} ms` : 'failed',
    )
  }
  if (status < 200 || status > 399) throw failed(`answered ${status}`)
}

function isWeb(run: DeploymentRun, instance: Instance): boolean {
  return run.release.services.find((service) => service.name === instance.service)?.kind === 'web'
}
