import type { Gate, GateContext, GateResult } from '../../gates/gate.ts'
import { SluiceError } from '../../model/error.ts'
import type { EngineContext } from '../context.ts'
import { patienceWith } from '../patience.ts'
import type { DeploymentRun } from '../run.ts'

/** A gate before any user. What fails, and what could not be looked at, gets none. */
export async function passGate(context: EngineContext, run: DeploymentRun, name: string, gate: Gate): Promise<void> {
  await context.journal.step(
    run.deployment,
    name,
    () =>
      context.mailbox.heed(run.deployment, async (signal) => {
        const { previews } = context.targets.of(run.environment).capabilities
        if (gate.stage === 'instance' && !previews) return unseen
        const result = await gate.run(await gateContext(context, run, signal))
        if (result.outcome === 'fail' || result.outcome === 'error') throw refusal(gate, result)
        return result
      }),
    ({ text }) => text,
  )
}

const unseen: GateResult = { outcome: 'skipped', text: 'skipped: here nobody can ask a release without traffic' }

async function gateContext(context: EngineContext, run: DeploymentRun, signal: AbortSignal): Promise<GateContext> {
  const { release } = run
  const target = context.targets.of(run.environment)
  const { fleets } = await target.fleets.inspect()
  const deadlineMs = patienceWith(target.capabilities).askMs
  return {
    release,
    signal,
    instances: fleets.find((fleet) => fleet.release === release.id)?.instances ?? [],
    ask: ({ id, service }, path) =>
      target.witness.ask({ route: 'preview', release, instance: id }, { service, path }, { signal, deadlineMs }),
  }
}

function refusal(gate: Gate, { outcome, text, details }: GateResult): SluiceError {
  const given = details === undefined ? {} : { details }
  if (outcome === 'fail') {
    const hint = 'users saw nothing: no traffic was sent to the new release'
    return new SluiceError('INSTANCE_UNHEALTHY', text, { hint, ...given })
  }
  return new SluiceError('GATE_ERROR', `the gate ${gate.name} could not find out: ${text}`, {
    hint: 'nothing is known to be wrong with the release, and users saw nothing of it. Deploy again',
    ...given,
  })
}
