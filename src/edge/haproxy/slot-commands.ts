import type { Pool } from './pool.ts'
import type { ServerState } from './server-state.ts'

export interface WantedSlot {
  readonly backend: string
  readonly slot: string
  readonly host: string
  readonly port: number
  readonly draining: boolean
}

/** Slots that instances are to have. `addresses` maps names of hosts to addresses, as HAProxy takes no names here. */
export function wantedSlots(
  pool: Pool,
  isDraining: (environment: string, instance: string) => boolean,
  addresses: ReadonlyMap<string, string>,
): WantedSlot[] {
  return pool.flatMap(({ name, user, slots }) =>
    slots.flatMap(({ name: slot, instance }) =>
      instance === null || user === null
        ? []
        : [
            {
              backend: name,
              slot,
              host: addresses.get(instance.host) ?? instance.host,
              port: instance.port,
              draining: isDraining(user.environment, instance.id),
            },
          ],
    ),
  )
}

/** Commands that bring slots from what they are to what they shall be; none when they are so already. */
export function occupyCommands(actual: readonly ServerState[], wanted: readonly WantedSlot[]): string[] {
  const known = new Map(actual.map((state) => [`${state.backend}/${state.slot}`, state]))
  return wanted.flatMap(({ backend, slot, host, port, draining }) => {
    const name = `${backend}/${slot}`
    const state = known.get(name)
    if (state?.host !== host || state.port !== port || state.admin === 'maint') {
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
    return state.admin === admin ? [] : [`set server ${name} state ${admin}`]
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
