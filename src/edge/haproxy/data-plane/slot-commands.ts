import type { Pool } from '../pool.ts'
import type { CheckedSlot } from './first-check.ts'
import type { ServerState } from './server-state.ts'

export interface WantedSlot extends CheckedSlot {
  readonly backend: string
  readonly slot: string
  readonly draining: boolean
}

export interface SlotContext {
  readonly isDraining: (environment: string, instance: string) => boolean
  /** Names of hosts → addresses, as HAProxy takes no names at run time. */
  readonly addresses: ReadonlyMap<string, string>
  /** Backend → path of its checks. */
  readonly checkPaths: ReadonlyMap<string, string>
}

/** Slots that instances are to have. */
export function wantedSlots(pool: Pool, { isDraining, addresses, checkPaths }: SlotContext): WantedSlot[] {
  return pool.flatMap(({ name: backend, user, kind, slots }) => {
    if (user === null) return []
    const { timeoutMs, intervalMs, passes } = kind
    const check = {
      path: kind.check === 'tcp' ? null : (checkPaths.get(backend) ?? '/'),
      timeoutMs,
      intervalMs,
      passes,
    }
    return slots.flatMap(({ name: slot, instance }) => {
      if (instance === null) return []
      const host = addresses.get(instance.host) ?? instance.host
      return [{ backend, slot, host, port: instance.port, check, draining: isDraining(user.environment, instance.id) }]
    })
  })
}

/** Slots that get another instance than they have. */
export function newlyOccupied(actual: readonly ServerState[], wanted: readonly WantedSlot[]): WantedSlot[] {
  const known = new Map(actual.map((state) => [`${state.backend}/${state.slot}`, state]))
  return wanted.filter(({ backend, slot, host, port }) => {
    const state = known.get(`${backend}/${slot}`)
    return state?.host !== host || state.port !== port || state.admin === 'maint'
  })
}

/** Commands that bring slots from what they are to what they shall be; none when they are so already. */
export function occupyCommands(actual: readonly ServerState[], wanted: readonly WantedSlot[]): string[] {
  const known = new Map(actual.map((state) => [`${state.backend}/${state.slot}`, state]))
  const fresh = new Set(newlyOccupied(actual, wanted))
  return wanted.flatMap((each) => {
    const { backend, slot, host, port, draining } = each
    const name = `${backend}/${slot}`
    if (fresh.has(each)) {
      return [
        // A slot that leaves maintenance counts as up before its first check: without weight nothing is sent to it.
        `set server ${name} weight 0`,
        `set server ${name} addr ${host} port ${port}`,
        `set server ${name} state ready`,
        `set server ${name} health down`,
        `set server ${name} weight 100`,
        ...(draining ? [`set server ${name} state drain`] : []),
      ]
    }
    const admin = draining ? 'drain' : 'ready'
    return known.get(name)?.admin === admin ? [] : [`set server ${name} state ${admin}`]
  })
}

/** Slots that nobody wants any more take no new requests; what is in flight on them ends by itself. */
export function vacateCommands(actual: readonly ServerState[], wanted: readonly WantedSlot[]): string[] {
  const kept = new Set(wanted.map(({ backend, slot }) => `${backend}/${slot}`))
  return actual
    .filter(
      ({ backend, slot, admin }) => /^b\d+$/.test(backend) && admin !== 'maint' && !kept.has(`${backend}/${slot}`),
    )
    .map(({ backend, slot }) => `set server ${backend}/${slot} state maint`)
}
