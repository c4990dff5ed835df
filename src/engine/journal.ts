import type { Waiting } from '../model/activity.ts'
import type { DeploymentState } from '../model/deployment.ts'
import { isOutcome } from '../model/deployment.ts'
import { isSluiceError } from '../model/error.ts'
import { environmentOfActivity, putStep } from '../store/activities.ts'
import type { Database, Transaction } from '../store/database.ts'
import {
  actorOf,
  type DeploymentChange,
  type DeploymentRow,
  getDeployment,
  insertDeployment,
  moveDeployment,
  updateDeployment,
} from '../store/deployments.ts'
import { ensureEnvironment } from '../store/environments.ts'
import { jsonb } from '../store/jsonb.ts'
import type { EventLog } from './event-log.ts'
import { recordSecondsSince } from './phase-times.ts'

type Telling = 'deployment.weight' | 'deployment.judge' | 'deployment.log' | 'deployment.step'

/** Writes down what a deployment does, and tells: every change and its event are one transaction. */
export class Journal {
  readonly #database: Database
  readonly #events: EventLog

  constructor(database: Database, events: EventLog) {
    this.#database = database
    this.#events = events
  }

  /** Records a deployment, and its environment the first time that it is named; the same key gives the same deployment. */
  create(
    deployment: Parameters<typeof insertDeployment>[1],
    change: DeploymentChange = {},
    told: Readonly<Record<string, unknown>> = {},
  ): Promise<{ readonly row: DeploymentRow; readonly isNew: boolean }> {
    return this.#events.transact(async (transaction, tell) => {
      await ensureEnvironment(transaction, deployment.environment)
      const { row, isNew } = await insertDeployment(transaction, deployment)
      if (isNew) {
        await updateDeployment(transaction, row.id, change)
        const { environment, id, kind, strategy, requested_by: by } = row
        tell({
          type: 'deployment.created',
          environment,
          activity: id,
          data: { kind, strategy, by, actor: actorOf(row), ...told },
        })
      }
      return { row, isNew }
    })
  }

  load(deployment: string): Promise<DeploymentRow> {
    return getDeployment(this.#database, deployment)
  }

  /** Moves to the state unless it is there already; measures the phase that ends with it. */
  move(deployment: string, state: DeploymentState, change: DeploymentChange = {}): Promise<DeploymentRow> {
    return this.#events.transact(async (transaction, tell) => {
      const { before, row } = await moveDeployment(transaction, deployment, state, (current) => ({
        ...change,
        ...(state === 'waiting' ? {} : { waiting: null }),
        ...(isOutcome(state) ? { question: null } : {}),
        seconds: jsonb(recordSecondsSince(current, new Date())),
      }))
      if (before.state !== state) {
        const type = isOutcome(state) ? 'deployment.finished' : 'deployment.state'
        const data = { state, previous: before.state, ...eventData(change) }
        tell({ type, environment: row.environment, activity: deployment, data })
      }
      return row
    })
  }

  /** What nobody is told of by itself: the event of what comes of it does. */
  set(deployment: string, change: DeploymentChange): Promise<void> {
    return updateDeployment(this.#database, deployment, change)
  }

  /** Runs the body as a named step of the deployment; the detail it returns is shown beside the name. */
  async step<Value>(
    deployment: string,
    name: string,
    body: () => Promise<Value>,
    describe: (value: Value) => string | null = () => null,
  ): Promise<Value> {
    await this.#step(deployment, name, 'running')
    try {
      const value = await body()
      await this.#step(deployment, name, 'done', describe(value))
      return value
    } catch (error) {
      if (isSluiceError(error)) await this.#step(deployment, name, 'failed', error.message)
      throw error
    }
  }

  /** For what it waits in this step, told when it is another thing than before. */
  async waits(deployment: string, step: string, waiting: Waiting): Promise<void> {
    const { waiting: before } = await this.load(deployment)
    if (before?.reason === waiting.reason && before.until === waiting.until) return
    await this.#step(deployment, step, 'running', waiting.reason, { waiting: jsonb(waiting) })
  }

  async skip(deployment: string, name: string, why: string): Promise<void> {
    await this.#step(deployment, name, 'skipped', why)
  }

  async weight(deployment: string, weight: number, why: string | null): Promise<void> {
    await this.#write(deployment, 'deployment.weight', { weight, why }, (transaction) =>
      updateDeployment(transaction, deployment, { weight }),
    )
  }

  async serving(deployment: string): Promise<void> {
    await this.#events.transact(async (transaction, tell) => {
      const { serving_at, state, environment } = await getDeployment(transaction, deployment)
      if (serving_at !== null) return
      await updateDeployment(transaction, deployment, { serving_at: new Date() })
      tell({ type: 'deployment.state', environment, activity: deployment, data: { state, serving: true } })
    })
  }

  async tell(
    deployment: string,
    type: 'deployment.weight' | 'deployment.judge' | 'deployment.log',
    data: Record<string, unknown>,
  ): Promise<void> {
    await this.#write(deployment, type, data, async () => {})
  }

  async #step(
    activity: string,
    name: string,
    state: 'running' | 'done' | 'failed' | 'skipped',
    detail?: string | null,
    change: DeploymentChange = {},
  ): Promise<void> {
    const data = { name, state, detail: detail ?? null }
    await this.#write(activity, 'deployment.step', data, async (transaction) => {
      await putStep(transaction, { activity, name, state, ...(detail === undefined ? {} : { detail }) })
      await updateDeployment(transaction, activity, change)
    })
  }

  #write(
    activity: string,
    type: Telling,
    data: Record<string, unknown>,
    change: (transaction: Transaction) => Promise<void>,
  ): Promise<void> {
    return this.#events.transact(async (transaction, tell) => {
      const environment = await environmentOfActivity(transaction, activity)
      await change(transaction)
      tell({ type, environment, activity, data })
    })
  }
}

function eventData(change: DeploymentChange): Record<string, unknown> {
  return typeof change.reason === 'string' ? { reason: JSON.parse(change.reason) } : {}
}
