import type { Actor } from '../model/actor.ts'
import { SluiceError } from '../model/error.ts'
import { type Hold, holdOf } from '../model/holds.ts'
import { type EnvironmentRow, getEnvironment, rememberHold } from '../store/environments.ts'
import { findRelease } from '../store/releases.ts'
import type { EngineContext } from './context.ts'

const HOLD_MS = 30_000

/** Makes requests of a service (absent: of all) wait, or shows a maintenance page, until told otherwise. */
export async function holdRequests(context: EngineContext, key: string, order: Hold, actor: Actor): Promise<void> {
  const known = await servicesOf(context, await getEnvironment(context.database, key))
  const { service, mode } = order
  if (service !== undefined && !known.includes(service)) {
    throw new SluiceError('NOT_FOUND', `${key} serves no service ${service}`, {
      hint: known.length === 0 ? 'nothing serves there yet' : `it serves ${known.join(', ')}`,
    })
  }
  await hold(context, key, order)
  await context.events.transact(async (transaction, tell) => {
    await rememberHold(transaction, key, order)
    tell({
      type: 'environment.hold',
      environment: key,
      activity: null,
      data: { mode, service: service ?? null, actor },
    })
  })
}

/** Sets exactly what was ordered, whatever the router remembers, and lets nothing through in between. */
export async function restoreHolds(context: EngineContext, environment: EnvironmentRow): Promise<void> {
  const services = await servicesOf(context, environment)
  for (const order of ordersFor(environment.holds, services)) {
    await hold(context, environment.key, order)
  }
}

function hold(context: EngineContext, key: string, order: Hold): Promise<void> {
  const options = { signal: AbortSignal.timeout(HOLD_MS), deadlineMs: HOLD_MS }
  return context.targets.of(key).traffic.hold(order, options)
}

export function ordersFor(holds: readonly Hold[], services: readonly string[]): readonly Hold[] {
  if (holds.length === 0) return [{ mode: 'off' }]
  if (holds.some((hold) => hold.service === undefined)) return holds
  return services.map((service) => ({ service, mode: holdOf(holds, service) }))
}

async function servicesOf(context: EngineContext, { release }: EnvironmentRow): Promise<readonly string[]> {
  const row = release === null ? undefined : await findRelease(context.database, release)
  const routed = (row?.record.services ?? []).filter(({ kind }) => kind === 'web' || kind === 'static')
  return routed.map(({ name }) => name)
}
