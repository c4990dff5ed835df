import type { Step } from '../model/strategy.ts'
import { getEnvironment } from '../store/environments.ts'
import { jsonb } from '../store/jsonb.ts'
import { type Lease, releaseLease } from '../store/leases.ts'
import { getRelease } from '../store/releases.ts'
import { fullCounts } from '../strategy/counts.ts'
import { strategyNamed } from '../strategy/index.ts'
import { messageOf } from '../support/message-of.ts'
import type { EngineContext } from './context.ts'
import { findKept } from './judgement/kept.ts'
import { judgeUntilDecided } from './judgement.ts'
import { admit } from './phases/admit.ts'
import { shrinkBase } from './phases/base-fleet.ts'
import { compensate, endUnfinished, giveUp, hadTraffic } from './phases/compensate.ts'
import { expand } from './phases/expand.ts'
import { launch } from './phases/launch.ts'
import { buildArtifact, recordRelease, requestOf } from './phases/prepare.ts'
import { settle } from './phases/settle.ts'
import { promote, shift, shifted } from './phases/shift.ts'
import { smoke } from './phases/smoke.ts'
import { probeRoutes } from './prober.ts'
import { type DeploymentRun, loadRun, type StoredRun } from './run.ts'
import { isMachineryError } from './workflows/dbos-workflows.ts'
import type { Flow } from './workflows/workflows.ts'

/** From a source to a serving release, or back to where it was: the whole life of a deployment, top to bottom. */
export async function deployWorkflow(context: EngineContext, flow: Flow, deployment: string): Promise<void> {
  let run: DeploymentRun | null = null
  try {
    const artifact = await flow.step('prepare: build', () => buildArtifact(context, deployment))
    const release = await flow.step('prepare: record', () => recordRelease(context, deployment, artifact))
    const lease = await flow.step('admit', () => admitDeploy(context, deployment))
    const stored = await flow.step('plan', () => planRun(context, deployment, release, lease))
    const planned = await loadRun(context.database, stored)
    run = planned
    await flow.step('expand', () => expand(context, deployment, planned.release))
    await followPlan(context, flow, planned)
    await flow.step('settle', () => settle(context, planned))
  } catch (error) {
    if (isMachineryError(error)) throw error
    await takeBackAndEnd(context, flow, deployment, run, error)
  }
}

export async function followPlan(context: EngineContext, flow: Flow, run: DeploymentRun): Promise<void> {
  const steps = numbered(run.plan)
  const last = steps.findLastIndex(({ step }) => step.kind !== 'bake')
  for (const [index, { name, step }] of steps.entries()) {
    await flow.step(name, () => perform(context, run, name, step))
    if (index === last) await flow.step('serving', () => promote(context, run))
  }
}

export async function takeBackAndEnd(
  context: EngineContext,
  flow: Flow,
  deployment: string,
  run: DeploymentRun | null,
  error: unknown,
): Promise<void> {
  let touched = false
  try {
    if (run === null) {
      await flow.step('give up', () => giveUp(context, deployment, error))
      return
    }
    touched = await flow.step('assess', () => hadTraffic(context, deployment))
    await flow.step('compensate', () => compensate(context, run, error, touched))
  } catch (failure) {
    if (isMachineryError(failure)) throw failure
    context.log.error(`${deployment} could not be taken back: ${messageOf(failure)}`)
    await flow.step('end', () => endUnfinished(context, deployment, { error, failure, hadTraffic: touched }))
  }
}

async function perform(context: EngineContext, run: DeploymentRun, name: string, step: Step): Promise<void> {
  switch (step.kind) {
    case 'launch':
      return launch(context, run, name, step.counts)
    case 'smoke':
      return smoke(context, run, name, step.paths)
    case 'shift':
      return step.watchSeconds === null || run.base === null
        ? shift(context, run, name, step.weight)
        : shiftWatched(context, run, name, step.weight, step.watchSeconds)
    case 'ramp':
      return ramp(context, run, name)
    case 'shrink':
      return shrinkBase(context, run, name, step.counts)
    case 'bake':
      return bake(context, run, name, step.seconds)
    default:
      return step satisfies never
  }
}

/** Clean rounds of probes before the first user. */
const PROBE_ROUNDS = 2

/** The judge drives the weight from nothing to everything. */
async function ramp(context: EngineContext, run: DeploymentRun, name: string): Promise<void> {
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

/**
 * A weight that is set at once is judged all the same: by what is known before it grows and after it, at no cost in time
 * unless something is suspicious or the step asks to be watched.
 */
async function shiftWatched(
  context: EngineContext,
  run: DeploymentRun,
  name: string,
  weight: number,
  watchSeconds: number,
): Promise<void> {
  await context.journal.step(
    run.deployment,
    name,
    async () => {
      const watch = { phase: 'shift', policy: context.policyFor(run.settings, 'watch') } as const
      const before = await findKept(context, run, 'shift')
      if (before !== undefined && before.kept.step !== name) {
        await judgeUntilDecided(context, run, { ...watch, step: `before ${name}`, weight: null, forSeconds: 0 })
      }
      return judgeUntilDecided(context, run, { ...watch, step: name, weight, forSeconds: watchSeconds })
    },
    () => shifted(run, weight),
  )
}

/** All traffic is on the new release; the old fleet stays warm and the judge keeps watching. Holds nobody up. */
async function bake(context: EngineContext, run: DeploymentRun, name: string, seconds: number): Promise<void> {
  if (seconds === 0 || run.base === null) return
  await context.journal.move(run.deployment, 'baking')
  await releaseLease(context.database, run.environment, run.deployment)
  await context.journal.step(
    run.deployment,
    name,
    () =>
      judgeUntilDecided(context, run, {
        phase: 'bake',
        policy: context.policyFor(run.settings, 'watch'),
        step: name,
        weight: 1,
        forSeconds: seconds,
      }),
    (verdict) => verdict.summary,
  )
}

async function admitDeploy(context: EngineContext, deployment: string): Promise<Lease> {
  const row = await context.journal.load(deployment)
  return admit(context, deployment, requestOf(row.request).replace)
}

/** Made after admission: only then is it known which release serves. */
async function planRun(context: EngineContext, deployment: string, release: string, lease: Lease): Promise<StoredRun> {
  const row = await context.journal.load(deployment)
  const { config } = requestOf(row.request)
  const environment = await getEnvironment(context.database, row.environment)
  const base = environment.release === null ? null : (await getRelease(context.database, environment.release)).record
  const record = (await getRelease(context.database, release)).record
  const plan = strategyNamed(config.strategy.name).plan({
    services: record.services,
    base: base === null ? null : fullCounts(base.services),
    settings: config.strategy,
    weighted: context.targets.of(row.environment).capabilities.weights === 'any',
  })
  await context.journal.set(deployment, { previous_release: base?.id ?? null, plan: jsonb(plan) })
  return {
    deployment,
    environment: row.environment,
    lease,
    release: record.id,
    base: base?.id ?? null,
    settings: config.strategy,
    plan,
    by: row.requested_by,
  }
}

/** Step names are keys: two launches of one plan are told apart. */
function numbered(plan: readonly Step[]): readonly { readonly name: string; readonly step: Step }[] {
  const counts = new Map<string, number>()
  return plan.map((step) => {
    const base = step.kind === 'shift' ? `shift to ${Math.round(step.weight * 100)} %` : step.kind
    const count = (counts.get(base) ?? 0) + 1
    counts.set(base, count)
    return { name: count === 1 ? base : `${base} ${count}`, step }
  })
}
