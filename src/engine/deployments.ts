import type { Actor } from '../model/actor.ts'
import type { DeployRequest } from '../model/deploy-request.ts'
import { canBeTakenBack, isOutcome, mayBeSuperseded } from '../model/deployment.ts'
import { SluiceError } from '../model/error.ts'
import { type DeploymentRow, findDeployment, listDeployments } from '../store/deployments.ts'
import { environmentKey } from '../store/environments.ts'
import type { EngineContext } from './context.ts'
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
import { resolveEnvironment } from './environments.ts'
import { checkRollback } from './rollback-check.ts'

export function deploymentsOf(context: EngineContext): Deployments {
  return {
    deploy: (actor, request) => deploy(context, actor, request),
    rollback: (actor, request) => rollback(context, actor, request),
    checkRollback: async (environment, release): Promise<RollbackCheck> => {
      const { key } = await resolveEnvironment(context, environment)
      return checkRollback(context, key, release ?? null)
    },
    cancel: (actor, deployment) => send(context, actor, deployment, 'cancel'),
    answer: (actor, deployment, answer) => send(context, actor, deployment, 'answer', { answer }),
    get: async (deployment) => deploymentView(context, await existing(context, deployment)),
    list: (query) => list(context, query),
    summaries: (query) => summaries(context, query),
  }
}

async function deploy(context: EngineContext, actor: Actor, request: DeployRequest): Promise<Deployment> {
  const { config, idempotencyKey } = request
  const environment = environmentKey(config.project, config.environment)
  const { row } = await context.journal.create({
    environment,
    strategy: config.strategy.name,
    request: { kind: 'deploy', request, actor },
    idempotencyKey: idempotencyKey ?? null,
  })
  await context.workflows.start('deploy', row.id, row.id)
  return deploymentView(context, row)
}

/**
 * Recorded as a deployment of its own, but when another is moving traffic the message to it goes out first: that is
 * what takes users off the bad release, and it waits for nothing.
 */
async function rollback(context: EngineContext, actor: Actor, request: RollbackRequest): Promise<Deployment> {
  const { key } = await resolveEnvironment(context, request.environment)
  const running = await listDeployments(context.database, { environment: key, running: true, limit: 50 })
  const moving = running.find((row) => canBeTakenBack(row.state))
  if (moving !== undefined) await context.mailbox.send(moving.id, 'roll-back', actor, messageData(request))
  const base = moving === undefined ? {} : { release: moving.release, previous_release: moving.previous_release }
  const wanted = {
    environment: key,
    strategy: 'blue-green',
    request: { kind: 'rollback', release: request.release ?? null, reason: request.reason ?? null, actor },
    idempotencyKey: request.idempotencyKey ?? null,
  } as const
  const { row, isNew } = await context.journal.create(wanted, base)
  if (isNew) {
    for (const other of running) {
      if (mayBeSuperseded(other.state)) {
        await context.mailbox.send(other.id, 'supersede', actor, { deployment: row.id })
      }
    }
  }
  await context.workflows.start('rollback', row.id, row.id)
  return deploymentView(context, row)
}

function messageData(request: RollbackRequest): Record<string, unknown> {
  return request.reason === undefined ? {} : { reason: request.reason }
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
