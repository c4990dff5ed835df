import { SluiceError } from '../../model/error.ts'
import type { Instance } from '../../model/instance.ts'
import type { EnvironmentState } from '../../targets/target.ts'
import type { DeploymentRun } from '../run.ts'

/** Time without a ready instance of the new release before it counts as dead. */
const DEAD_MS = 3000

/** Says when the new release's instances died: evidence of another kind than failing requests. */
export class FleetHealth {
  readonly #run: DeploymentRun
  #deadSinceMs: number | null = null

  constructor(run: DeploymentRun) {
    this.#run = run
  }

  /** Throws `INSTANCE_CRASHED`. */
  assertAlive(state: EnvironmentState, nowMs: number): void {
    const instances = instancesOf(state, this.#run.release.id)
    const crashed = instances.find((instance) => instance.state === 'crash-loop')
    if (crashed !== undefined) throw crashedAgain(crashed)
    const hasWeb = this.#run.release.services.some((service) => service.kind === 'web')
    if (!hasWeb || instances.some((instance) => instance.state === 'ready')) {
      this.#deadSinceMs = null
      return
    }
    this.#deadSinceMs ??= nowMs
    if (nowMs - this.#deadSinceMs >= DEAD_MS) throw nobodyLeft(this.#run.release.id)
  }
}

export function instancesOf(state: EnvironmentState, release: string | null): readonly Instance[] {
  return state.fleets.find((fleet) => fleet.release === release)?.instances ?? []
}

function crashedAgain(instance: Instance): SluiceError {
  const exitCode = instance.exit?.code ?? null
  return new SluiceError(
    'INSTANCE_CRASHED',
    `${instance.id} crashed again and again (exit code ${exitCode ?? 'unknown'})`,
    { hint: 'read its log with `sluice logs`', details: { instance: instance.id, exitCode } },
  )
}

function nobodyLeft(release: string): SluiceError {
  return new SluiceError('INSTANCE_CRASHED', `no instance of ${release} is ready any more`, {
    hint: 'read its log with `sluice logs`',
  })
}
