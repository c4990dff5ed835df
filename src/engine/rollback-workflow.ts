import { canBeTakenBack, isMoving, isOutcome } from '../model/deployment.ts'
import { SluiceError } from '../model/error.ts'
import type { StrategySettings } from '../model/strategy.ts'
import type { DeploymentRow } from '../store/deployments.ts'
import { listDeployments } from '../store/deployments.ts'
import { getEnvironment } from '../store/environments.ts'
import { jsonb } from '../store/jsonb.ts'
import { releaseLease } from '../store/leases.ts'
import { findRelease, findReleaseToReturnTo, getRelease, setReleaseState } from '../store/releases.ts'
import { lastRollbackSeconds, recordRollback } from '../store/rollbacks.ts'
import { countsBeforeShift } from '../strategy/counts.ts'
import { messageOf } from '../support/message-of.ts'
import type { EngineContext } from './context.ts'
import { followPlan, takeBackAndEnd } from './deploy-workflow.ts'
import type { RollbackCheck } from './engine.ts'
import { admit } from './phases/admit.ts'
import { settle } from './phases/settle.ts'
import { type DeploymentRun, loadRun, type StoredRun } from './run.ts'
import { secretValues } from './secret-values.ts'
import { isMachineryError } from './workflows/dbos-workflows.ts'
import type { Flow } from './workflows/workflows.ts'

/** Longer than any drain: a deployment that was told to take its traffic back has done it or is stuck. */
const TAKE_BACK_MS = 15 * 60_000

/** A rollback skips steps and analysis: launch if it must, all traffic at once. */
const rollbackSettings: StrategySettings = {
  name: 'blue-green',
  stepSeconds: 0,
  preset: 'fast',
  bakeSeconds: 0,
  batch: 1,
  surge: 1,
  switch: 'at-once',
  smoke: [],
  onInconclusive: 'promote',
  absoluteLimit: 1,
  latency: false,
}

/**
 * Back to a release that served. When a deployment is moving traffic, it was told already (a message, sent before this
 * workflow began) and takes its own traffic back; what is left to do here is to wait for it and to see the result.
 */
export async function rollbackWorkflow(context: EngineContext, flow: Flow, deployment: string): Promise<void> {
  let run: DeploymentRun | null = null
  try {
    const way = await flow.step('wait for the running deployment', () => waitForRunning(context, deployment))
    if (way === 'taken-back') {
      await flow.step('finish', () => finishTakenBack(context, deployment))
      return
    }
    const lease = await flow.step('admit', () => admit(context, deployment, true))
    const stored = await flow.step('plan', () => planRollback(context, deployment, lease))
    const planned = await loadRun(context.database, stored)
    run = planned
    if (planned.plan.length === 0) {
      await flow.step('finish', () => finishTakenBack(context, deployment))
      return
    }
    await followPlan(context, flow, planned)
    await flow.step('hold', () => holdReleaseLeft(context, planned))
    await flow.step('settle', () => settle(context, planned))
  } catch (error) {
    if (isMachineryError(error)) throw error
    await takeBackAndEnd(context, flow, deployment, run, error)
  }
}

/** `taken-back`: a running deployment undid itself, and the environment serves what was asked for. */
async function waitForRunning(context: EngineContext, deployment: string): Promise<'taken-back' | 'to-do'> {
  const row = await context.journal.move(deployment, 'preparing')
  const told = row.previous_release // the deployment's base when the message was sent; see Deployments.rollback
  const deadlineMs = context.clock.monotonicMs() + TAKE_BACK_MS
  for (;;) {
    const running = await listDeployments(context.database, { environment: row.environment, running: true, limit: 50 })
    const older = running.filter((other) => Number(other.ordinal) < Number(row.ordinal))
    const moving = older.filter((other) => isMoving(other.state))
    if (moving.length === 0) break
    if (context.clock.monotonicMs() > deadlineMs) {
      throw new SluiceError('DEADLINE_EXCEEDED', `${moving[0]?.id} did not take its traffic back in time`, {
        hint: `look at \`sluice status ${row.environment}\` and the control plane's log`,
      })
    }
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  if (told === null) return 'to-do'
  const { release } = await getEnvironment(context.database, row.environment)
  const wanted = requestedRelease(row)
  return release === told && (wanted === null || wanted === release) ? 'taken-back' : 'to-do'
}

async function finishTakenBack(context: EngineContext, deployment: string): Promise<void> {
  const row = await context.journal.load(deployment)
  if (isOutcome(row.state)) return
  const { release } = await getEnvironment(context.database, row.environment)
  await context.journal.set(deployment, { release, previous_release: row.release })
  await context.journal.move(deployment, 'settling')
  await context.journal.serving(deployment)
  await releaseLease(context.database, row.environment, deployment)
  await context.journal.move(deployment, 'succeeded')
}

async function planRollback(
  context: EngineContext,
  deployment: string,
  lease: DeploymentRun['lease'],
): Promise<StoredRun> {
  const row = await context.journal.load(deployment)
  const environment = await getEnvironment(context.database, row.environment)
  const target = await releaseToReturnTo(context, row.environment, requestedRelease(row))
  const release = target.record
  const base = environment.release === null ? null : (await getRelease(context.database, environment.release)).record
  const plan: DeploymentRun['plan'] =
    base?.id === release.id
      ? []
      : [
          { kind: 'launch', counts: countsBeforeShift(release.services) },
          { kind: 'shift', weight: 1, watchSeconds: null },
        ]
  await context.journal.set(deployment, {
    release: release.id,
    previous_release: base?.id ?? null,
    plan: jsonb(plan),
  })
  return {
    deployment,
    environment: row.environment,
    lease,
    release: release.id,
    base: base?.id ?? null,
    settings: rollbackSettings,
    plan,
    by: row.requested_by,
  }
}

async function holdReleaseLeft(context: EngineContext, run: DeploymentRun): Promise<void> {
  const row = await context.journal.load(run.deployment)
  if (row.serving_at !== null) {
    await recordRollback(context.database, {
      activity: run.deployment,
      environment: run.environment,
      seconds: (row.serving_at.getTime() - row.created_at.getTime()) / 1000,
      way: 'launch',
    })
  }
  if (run.base !== null) {
    await setReleaseState(context.database, run.base.id, 'on-hold', `rolled back by ${run.by}`)
  }
}

async function releaseToReturnTo(context: EngineContext, environment: string, wanted: string | null) {
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

function requestedRelease(row: DeploymentRow): string | null {
  return row.request.kind === 'rollback' ? row.request.release : null
}
