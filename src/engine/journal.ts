import type { Updateable } from 'kysely'
import type { DeploymentState } from '../model/deployment.ts'
import { isOutcome } from '../model/deployment.ts'
import { isSluiceError } from '../model/error.ts'
import type { Database, Tables } from '../store/database.ts'
import { type DeploymentRow, getDeployment, moveDeployment, putStep, updateDeployment } from '../store/deployments.ts'
import { jsonb } from '../store/jsonb.ts'
import type { EventLog } from './event-log.ts'
import { recordSecondsSince } from './phase-times.ts'

/** Writes down what a deployment does, and tells: every change is a row and an event. */
export class Journal {
  readonly #database: Database
  readonly #events: EventLog

  constructor(database: Database, events: EventLog) {
    this.#database = database
    this.#events = events
  }

  load(deployment: string): Promise<DeploymentRow> {
    return getDeployment(this.#database, deployment)
  }

  /** Moves to the state unless it is there already; measures the phase that ends with it. */
  async move(
    deployment: string,
    state: DeploymentState,
    change: Updateable<Tables['deployments']> = {},
  ): Promise<DeploymentRow> {
    const before = await this.load(deployment)
    if (before.state === state) return before
    const now = new Date()
    const row = await moveDeployment(this.#database, deployment, state, (current) => ({
      ...change,
      seconds: jsonb(recordSecondsSince(current, now)),
      ...(isOutcome(state) ? { finished_at: now } : {}),
    }))
    const type = isOutcome(state) ? 'deployment.finished' : 'deployment.state'
    await this.#append(row, type, { state, previous: before.state, ...eventData(change) })
    return row
  }

  async set(deployment: string, change: Updateable<Tables['deployments']>): Promise<void> {
    await updateDeployment(this.#database, deployment, change)
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

  async skip(deployment: string, name: string, why: string): Promise<void> {
    await this.#step(deployment, name, 'skipped', why)
  }

  async weight(deployment: string, weight: number, why: string | null): Promise<void> {
    await updateDeployment(this.#database, deployment, { weight })
    await this.tell(deployment, 'deployment.weight', { weight, why })
  }

  async serving(deployment: string): Promise<void> {
    const row = await this.load(deployment)
    if (row.serving_at !== null) return
    await updateDeployment(this.#database, deployment, { serving_at: new Date() })
    await this.#append(row, 'deployment.state', { state: row.state, serving: true })
  }

  async tell(
    deployment: string,
    type: 'deployment.weight' | 'deployment.judge' | 'deployment.log',
    data: Record<string, unknown>,
  ): Promise<void> {
    await this.#append(await this.load(deployment), type, data)
  }

  async #step(
    deployment: string,
    name: string,
    state: 'running' | 'done' | 'failed' | 'skipped',
    detail?: string | null,
  ): Promise<void> {
    await putStep(this.#database, { deployment, name, state, ...(detail === undefined ? {} : { detail }) })
    await this.#append(await this.load(deployment), 'deployment.step', { name, state, detail: detail ?? null })
  }

  async #append(
    row: Pick<DeploymentRow, 'id' | 'environment'>,
    type: Parameters<EventLog['append']>[0]['type'],
    data: Record<string, unknown>,
  ): Promise<void> {
    await this.#events.append({ type, environment: row.environment, deployment: row.id, data })
  }
}

function eventData(change: Updateable<Tables['deployments']>): Record<string, unknown> {
  return typeof change.reason === 'string' ? { reason: JSON.parse(change.reason) } : {}
}
