import type { Actor } from '../model/actor.ts'
import { isOutcome, mayBeSuperseded } from '../model/deployment.ts'
import { SluiceError } from '../model/error.ts'
import { type DeploymentRow, findDeployment, findDeploymentByKey, listDeployments } from '../store/deployments.ts'
import { assertAnswer } from './ask.ts'
import type { EngineContext } from './context.ts'
import { deploy } from './deploy.ts'
import { deploymentSummary, deploymentView, deploymentViews } from './deployment-views.ts'
import type {
  Deployment,
  DeploymentSummary,
  Deployments,
  ListQuery,
  Page,
  RollbackCheck,
  RollbackRequest,
} from './engine.ts'
import { promoteWaiting } from './promote.ts'
import { resolveEnvironment } from './resolve-environment.ts'
import { assertRollback, checkRollback, findMoving } from './rollback-check.ts'

export function deploymentsOf(context: EngineContext): Deployments {
  return {
    deploy: async (actor, request, signal) => deploymentView(context, await deploy(context, actor, request, signal)),
    rollback: (actor, request) => rollback(context, actor, request),
    checkRollback: async (environment, release): Promise<RollbackCheck> => {
      const { key } = await resolveEnvironment(context, environment)
      return checkRollback(context, key, release ?? null)
    },
    cancel: (actor, deployment) => send(context, actor, deployment, 'cancel'),
    answer: (actor, deployment, option) => answer(context, actor, deployment, option),
    promote: (actor, environment) => promoteWaiting(context, actor, environment),
    get: async (deployment) => deploymentView(context, await existing(context, deployment)),
    list: (query) => list(context, query),
    summaries: (query) => summaries(context, query),
  }
}

/**
 * Checked before anything is touched. Recorded as a deployment of its own, but when another is moving traffic the message to
 * it goes out first: that is what takes users off the bad release, and it waits for nothing.
 */
async function rollback(context: EngineContext, actor: Actor, request: RollbackRequest): Promise<Deployment> {
  const { release = null, reason = null, idempotencyKey = null } = request
  const same = idempotencyKey === null ? undefined : await findDeploymentByKey(context.database, idempotencyKey)
  if (same !== undefined) return started(context, same)
  const { key } = await resolveEnvironment(context, request.environment)
  const moving = await findMoving(context, key)
  const warnings = await assertRollback(context, key, release, moving)
  if (moving !== undefined) await context.mailbox.send(moving.id, 'roll-back', actor, reason === null ? {} : { reason })
  const base = moving === undefined ? {} : { release: moving.release, previous_release: moving.previous_release }
  const wanted = {
    environment: key,
    strategy: 'blue-green',
    request: { kind: 'rollback', release, reason, actor },
    idempotencyKey,
  } as const
  const { row, isNew } = await context.journal.create(wanted, base, { warnings })
  if (isNew) await supersedeOthers(context, actor, row)
  return started(context, row)
}

async function supersedeOthers(context: EngineContext, actor: Actor, row: DeploymentRow): Promise<void> {
  const { environment, id: deployment } = row
  const running = await listDeployments(context.database, { environment, running: true, limit: 50 })
  for (const { id, state, ordinal } of running) {
    const isOlder = Number(ordinal) < Number(row.ordinal)
    if (isOlder && mayBeSuperseded(state)) await context.mailbox.send(id, 'supersede', actor, { deployment })
  }
}

/** Starting one twice is one run. */
async function started(context: EngineContext, row: DeploymentRow): Promise<Deployment> {
  await context.workflows.start(row.kind, row.id, row.id)
  return deploymentView(context, row)
}

async function send(
  context: EngineContext,
  actor: Actor,
  deployment: string,
  kind: 'cancel' | 'answer',
  data: Record<string, unknown> = {},
): Promise<Deployment> {
  const row = await existing(context, deployment)
  if (isOutcome(row.state)) {
    throw new SluiceError('STATE_CONFLICT', `the deployment ${deployment} has ended already: ${row.state}`, {
      hint:
        kind === 'cancel' ? 'to go back to the release before, use `sluice rollback`' : 'nothing to answer any more',
    })
  }
  await context.mailbox.send(deployment, kind, actor, data)
  return deploymentView(context, row)
}

/** Only what is asked can be answered, by whom and until when the question says. */
async function answer(context: EngineContext, actor: Actor, deployment: string, option: string): Promise<Deployment> {
  const { question, state } = await existing(context, deployment)
  if (!isOutcome(state)) assertAnswer(deployment, question, { actor, option, now: context.clock.now() })
  return send(context, actor, deployment, 'answer', { answer: option, question: question?.deadline ?? null })
}

async function existing(context: EngineContext, deployment: string): Promise<DeploymentRow> {
  const row = await findDeployment(context.database, deployment)
  if (row === undefined) {
    throw new SluiceError('DEPLOYMENT_UNKNOWN', `there is no deployment ${deployment}`, {
      hint: 'deployments are named d1, d2, …; see `sluice status`',
    })
  }
  return row
}

async function list(context: EngineContext, query: ListQuery): Promise<Page<Deployment>> {
  const { rows, nextCursor } = await page(context, query)
  return { items: await deploymentViews(context, rows), nextCursor }
}

async function summaries(context: EngineContext, query: ListQuery): Promise<Page<DeploymentSummary>> {
  const { rows, nextCursor } = await page(context, query)
  return { items: rows.map(deploymentSummary), nextCursor }
}

async function page(context: EngineContext, query: ListQuery) {
  const rows = await listDeployments(context.database, {
    limit: query.limit + 1,
    ...(query.environment === undefined ? {} : { environment: query.environment }),
    ...(query.cursor === undefined ? {} : { before: Number(query.cursor) }),
  })
  const shown = rows.slice(0, query.limit)
  return { rows: shown, nextCursor: rows.length > query.limit ? String(shown.at(-1)?.ordinal) : null }
}
