import { canBeTakenBack } from '../model/deployment.ts'
import { SluiceError } from '../model/error.ts'
import { canShareSchema, type ReleaseRecord } from '../model/release.ts'
import { type DeploymentRow, listDeployments } from '../store/deployments.ts'
import { getEnvironment } from '../store/environments.ts'
import { findRelease, findReleaseToReturnTo, type ReleaseRow } from '../store/releases.ts'
import { lastRollbackSeconds } from '../store/rollbacks.ts'
import { messageOf } from '../support/message-of.ts'
import type { EngineContext } from './context.ts'
import type { RollbackCheck } from './engine.ts'
import { patienceWith } from './patience.ts'
import { secretValues } from './secret-values.ts'

interface Check {
  readonly name: string
  readonly ok: boolean
  readonly detail: string
  /** Why a rollback is refused for it; absent: it is only said. */
  readonly refusal?: SluiceError
}

/** Says beforehand whether a rollback would work; touches nothing. */
export async function checkRollback(
  context: EngineContext,
  environment: string,
  wanted: string | null,
): Promise<RollbackCheck> {
  const { release: serving } = await getEnvironment(context.database, environment)
  const lastSeconds = await lastRollbackSeconds(context.database, environment)
  const moving = await findMoving(context, environment)
  const from = moving?.release ?? serving
  try {
    const goal = await goalOf(context, environment, wanted, moving)
    const instances = await readyInstances(context, goal.record)
    const detail = instances > 0 ? `${instances} instances warm` : 'stopped: it is launched first'
    const fleet: Check = { name: 'fleet', ok: true, detail }
    const checks = [...(await checksOf(context, goal, { from, isWarm: instances > 0 })), fleet]
    const possible = checks.every(({ refusal }) => refusal === undefined)
    const shown = checks.map(({ name, ok, detail }) => ({ name, ok, detail }))
    const way = instances > 0 ? 'warm' : 'launch'
    return { environment, possible, from, to: goal.id, way, checks: shown, lastSeconds }
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error
    const checks = [{ name: 'release', ok: false, detail: error.message }]
    return { environment, possible: false, from, to: null, way: null, checks, lastSeconds }
  }
}

/**
 * Before anything is touched: throws when there is nothing to go back to, or nothing that could run there. Answers what is
 * amiss and does not stand in the way. A fleet that is warm needs no more than the traffic, so for it nothing does.
 */
export async function assertRollback(
  context: EngineContext,
  environment: string,
  wanted: string | null,
  moving: DeploymentRow | undefined,
): Promise<readonly string[]> {
  const goal = await goalOf(context, environment, wanted, moving)
  const { release: serving } = await getEnvironment(context.database, environment)
  const from = moving?.release ?? serving
  let checks = await checksOf(context, goal, { from, isWarm: false })
  const isInDoubt = checks.some(({ refusal }) => refusal !== undefined)
  // Only then: a place may take its time to say what runs there.
  if (isInDoubt && (await readyInstances(context, goal.record)) > 0) {
    checks = await checksOf(context, goal, { from, isWarm: true })
  }
  for (const { refusal } of checks) if (refusal !== undefined) throw refusal
  return checks.flatMap(({ name, ok, detail }) => (ok ? [] : [`${name}: ${detail}`]))
}

/** The release to go back to: the named one, else the one that served before and was not taken back. */
export async function releaseToReturnTo(
  context: Pick<EngineContext, 'database'>,
  environment: string,
  wanted: string | null,
): Promise<ReleaseRow> {
  if (wanted !== null) {
    const row = await findRelease(context.database, wanted)
    if (row?.environment === environment) return row
    throw new SluiceError('RELEASE_UNKNOWN', `there is no release ${wanted} in ${environment}`, {
      hint: 'see `sluice releases list`',
    })
  }
  const { release } = await getEnvironment(context.database, environment)
  const row = await findReleaseToReturnTo(context.database, environment, release ?? '')
  if (row !== undefined) return row
  throw new SluiceError('NOTHING_TO_ROLL_BACK_TO', `no earlier release served in ${environment}`, {
    hint: 'nothing was touched. Deploy a mended release; a release that was taken back has to be named',
  })
}

/** The deployment that would take its own traffic back. */
export async function findMoving(context: EngineContext, environment: string): Promise<DeploymentRow | undefined> {
  const running = await listDeployments(context.database, { environment, running: true, limit: 50 })
  return running.find(({ state }) => canBeTakenBack(state))
}

async function goalOf(
  context: EngineContext,
  environment: string,
  wanted: string | null,
  moving: DeploymentRow | undefined,
): Promise<ReleaseRow> {
  if (moving === undefined || wanted !== null) return releaseToReturnTo(context, environment, wanted)
  const base = moving.previous_release
  if (base !== null) return releaseToReturnTo(context, environment, base)
  throw new SluiceError('NOTHING_TO_ROLL_BACK_TO', `${moving.id} is the first deployment of ${environment}`, {
    hint: `nothing was touched. \`sluice cancel ${moving.id}\` takes it back: no release serves then`,
  })
}

async function checksOf(
  context: EngineContext,
  { id, state, record }: ReleaseRow,
  { from, isWarm }: { readonly from: string | null; readonly isWarm: boolean },
): Promise<readonly Check[]> {
  return [
    { name: 'release', ok: state !== 'on-hold' && state !== 'prepared', detail: `${id}, ${state}` },
    await schemaCheck(context, record, from),
    unlessWarm(isWarm, await artifactCheck(context, record)),
    unlessWarm(isWarm, await secretsCheck(context, record)),
  ]
}

/** What a launch needs is no reason against one weight change. */
function unlessWarm(isWarm: boolean, { refusal, ...check }: Check): Check {
  return isWarm || refusal === undefined ? check : { ...check, refusal }
}

async function schemaCheck(context: EngineContext, record: ReleaseRecord, from: string | null): Promise<Check> {
  const name = 'schema'
  const other = from === null ? undefined : await findRelease(context.database, from)
  if (canShareSchema(record.schema, other?.record.schema ?? null)) {
    const { schema } = record
    return { name, ok: true, detail: schema === null ? 'nothing known' : `versions ${schema.min} to ${schema.max}` }
  }
  const detail = `${record.id} does not work with the schema that ${from} needs`
  const refusal = new SluiceError('ROLLBACK_UNSAFE', detail, {
    hint: 'nothing was touched. Deploy a mended release that works with the present schema',
  })
  return { name, ok: false, detail, refusal }
}

async function artifactCheck(context: EngineContext, record: ReleaseRecord): Promise<Check> {
  const artifact = await context.artifacts.get(record.artifact)
  if (artifact !== null) return { name: 'artifact', ok: true, detail: `${artifact.files} files present` }
  const detail = `${record.artifact.slice(0, 12)} was pruned`
  const refusal = new SluiceError('ARTIFACT_MISSING', `the artifact of ${record.id} was pruned`, {
    hint: 'nothing was touched. Name another release (`sluice releases list`), or deploy the commit again',
  })
  return { name: 'artifact', ok: false, detail, refusal }
}

async function secretsCheck(context: EngineContext, record: ReleaseRecord): Promise<Check> {
  try {
    const values = await secretValues(context, record)
    return { name: 'secrets', ok: true, detail: `${Object.keys(values).length} values readable` }
  } catch (error) {
    const detail = messageOf(error)
    const refusal = new SluiceError('SECRET_MISSING', `${record.id} cannot be launched: ${detail}`, {
      hint: 'nothing was touched. Set the secret and deploy again, or name another release',
      cause: error,
    })
    return { name: 'secrets', ok: false, detail, refusal }
  }
}

/** None where the place does not say in time: it is launched then, or found running. */
async function readyInstances(context: EngineContext, { id, environment }: ReleaseRecord): Promise<number> {
  const target = context.targets.of(environment)
  const tooLate = AbortSignal.timeout(patienceWith(target.capabilities).readMs)
  const state = await Promise.race([
    target.fleets.inspect().catch(() => null),
    new Promise<null>((resolve) => tooLate.addEventListener('abort', () => resolve(null), { once: true })),
  ])
  const instances = state?.fleets.find((fleet) => fleet.release === id)?.instances ?? []
  return instances.filter((instance) => instance.state === 'ready').length
}
