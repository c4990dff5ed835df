import type { Step, StrategySettings } from '../model/strategy.ts'
import { getEnvironment } from '../store/environments.ts'
import { jsonb } from '../store/jsonb.ts'
import type { Lease } from '../store/leases.ts'
import { getRelease } from '../store/releases.ts'
import { countsBeforeShift, fullCounts } from '../strategy/counts.ts'
import { strategyNamed } from '../strategy/index.ts'
import type { EngineContext } from './context.ts'
import { requestedRelease, requestOf } from './requests.ts'
import { releaseToReturnTo } from './rollback-check.ts'
import type { DeploymentRun, StoredRun } from './run.ts'

/** A step of a plan by the name that people see and a run remembers. */
export interface PlannedStep {
  readonly name: string
  readonly step: Step
}

/** The steps of a plan by the phase that takes them: before the first user, until all are there, and afterwards. */
export function stepsOf(plan: readonly Step[]): Readonly<Record<'launch' | 'shift' | 'bake', readonly PlannedStep[]>> {
  const steps = named(plan)
  const first = steps.findIndex(
    ({ step }) => step.kind === 'shift' || step.kind === 'ramp' || step.kind === 'hand-over',
  )
  const end = steps.findLastIndex(({ step }) => step.kind !== 'bake') + 1
  return { launch: steps.slice(0, first), shift: steps.slice(first, end), bake: steps.slice(end) }
}

/** Made after admission: only then is it known which release serves. */
export async function planDeploy(context: EngineContext, deployment: string, lease: Lease): Promise<StoredRun> {
  const row = await context.journal.load(deployment)
  const { config } = requestOf(row.request)
  const environment = await getEnvironment(context.database, row.environment)
  const base = environment.release === null ? null : (await getRelease(context.database, environment.release)).record
  const record = (await getRelease(context.database, row.release ?? '')).record
  const { weights, ownsShift } = context.targets.of(row.environment).capabilities
  const steps = strategyNamed(config.strategy.name).plan({
    services: record.services,
    base: base === null ? null : fullCounts(base.services),
    settings: config.strategy,
    weights,
    ownsShift,
  })
  const plan = withGates(steps, config.strategy)
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

/** The first of the new instances are looked at before they get a user, whatever the strategy. */
function withGates(steps: readonly Step[], { smoke }: StrategySettings): readonly Step[] {
  const first = steps.findIndex(({ kind }) => kind === 'launch')
  if (first === -1 || smoke.length === 0) return steps
  return steps.toSpliced(first + 1, 0, { kind: 'smoke', paths: smoke })
}

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

export async function planRollback(context: EngineContext, deployment: string, lease: Lease): Promise<StoredRun> {
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

/** Step names are keys: two launches of one plan are told apart. */
function named(plan: readonly Step[]): readonly PlannedStep[] {
  const counts = new Map<string, number>()
  return plan.map((step) => {
    const base = step.kind === 'shift' ? `shift to ${Math.round(step.weight * 100)} %` : step.kind
    const count = (counts.get(base) ?? 0) + 1
    counts.set(base, count)
    return { name: count === 1 ? base : `${base} ${count}`, step }
  })
}
