import { SluiceError } from '../../model/error.ts'
import type { Instance } from '../../model/instance.ts'
import type { FleetsState } from '../../targets/target.ts'
import type { DeploymentRun } from '../run.ts'

/** Says when the new release's instances died: evidence of another kind than failing requests. */
export class FleetHealth {
  readonly #run: DeploymentRun
  readonly #deadMs: number
  #deadSinceMs: number | null = null

  /** Without a ready instance for `deadMs` the new release counts as dead. */
  constructor(run: DeploymentRun, deadMs: number) {
    this.#run = run
    this.#deadMs = deadMs
  }

  /** Throws `INSTANCE_CRASHED`. */
  assertAlive(state: FleetsState, nowMs: number): void {
    const instances = instancesOf(state, this.#run.release.id)
    const crashed = instances.find((instance) => instance.state === 'crash-loop')
    if (crashed !== undefined) throw crashedAgain(crashed)
    const hasWeb = this.#run.release.services.some((service) => service.kind === 'web')
    if (!hasWeb || instances.some((instance) => instance.state === 'ready')) {
      this.#deadSinceMs = null
      return
    }
    this.#deadSinceMs ??= nowMs
    if (nowMs - this.#deadSinceMs >= this.#deadMs) throw nobodyLeft(this.#run.release.id)
  }
}

export function instancesOf(state: FleetsState, release: string | null): readonly Instance[] {
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
