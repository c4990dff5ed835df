import { canBeTakenBack } from '../model/deployment.ts'
import { SluiceError } from '../model/error.ts'
import { listDeployments } from '../store/deployments.ts'
import { getEnvironment } from '../store/environments.ts'
import { findRelease, findReleaseToReturnTo, getRelease } from '../store/releases.ts'
import { lastRollbackSeconds } from '../store/rollbacks.ts'
import { messageOf } from '../support/message-of.ts'
import type { EngineContext } from './context.ts'
import type { RollbackCheck } from './engine.ts'
import { secretValues } from './secret-values.ts'

/** Says beforehand whether a rollback would work; touches nothing. */
export async function checkRollback(
  context: EngineContext,
  environment: string,
  wanted: string | null,
): Promise<RollbackCheck> {
  const row = await getEnvironment(context.database, environment)
  const lastSeconds = await lastRollbackSeconds(context.database, environment)
  const [moving] = (await listDeployments(context.database, { environment, running: true, limit: 50 })).filter(
    (running) => canBeTakenBack(running.state),
  )
  try {
    const goal =
      moving?.previous_release != null && wanted === null
        ? await getRelease(context.database, moving.previous_release)
        : await releaseToReturnTo(context, environment, wanted)
    const artifact = await context.artifacts.get(goal.record.artifact)
    const { fleets } = await context.targets.of(environment).fleets.inspect()
    const ready = fleets.find((fleet) => fleet.release === goal.id)?.instances ?? []
    const isWarm = ready.some((instance) => instance.state === 'ready')
    const checks = [
      { name: 'release', ok: true, detail: `${goal.id}, ${goal.state}` },
      {
        name: 'artifact',
        ok: artifact !== null,
        detail:
          artifact === null ? `${goal.record.artifact.slice(0, 12)} was pruned` : `${artifact.files} files present`,
      },
      {
        name: 'fleet',
        ok: isWarm || artifact !== null,
        detail: isWarm ? `${ready.length} instances warm` : 'stopped: it is launched first',
      },
      { name: 'secrets', ...(await checkSecrets(context, goal.record)) },
    ]
    return {
      environment,
      possible: checks.every((check) => check.ok),
      from: moving?.release ?? row.release,
      to: goal.id,
      way: isWarm ? 'warm' : 'launch',
      checks,
      lastSeconds,
    }
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error
    const checks = [{ name: 'release', ok: false, detail: error.message }]
    return { environment, possible: false, from: row.release, to: null, way: null, checks, lastSeconds }
  }
}

async function checkSecrets(
  context: EngineContext,
  record: Parameters<typeof secretValues>[1],
): Promise<{ ok: boolean; detail: string }> {
  try {
    const values = await secretValues(context, record)
    return { ok: true, detail: `${Object.keys(values).length} values readable` }
  } catch (error) {
    return { ok: false, detail: messageOf(error) }
  }
}

export async function releaseToReturnTo(context: EngineContext, environment: string, wanted: string | null) {
  if (wanted !== null) {
    const row = await findRelease(context.database, wanted)
    if (row === undefined || row.environment !== environment) {
      throw new SluiceError('RELEASE_UNKNOWN', `there is no release ${wanted} in ${environment}`, {
        hint: 'see `sluice releases list`',
      })
    }
    return row
  }
  const { release } = await getEnvironment(context.database, environment)
  const row = await findReleaseToReturnTo(context.database, environment, release ?? '')
  if (row === undefined) throw nothingToReturnTo(environment)
  return row
}

function nothingToReturnTo(environment: string): SluiceError {
  return new SluiceError('NOTHING_TO_ROLL_BACK_TO', `no earlier release served in ${environment}`, {
    hint: 'deploy a mended release instead; with one release there is nothing to go back to',
  })
}
