export type HoldMode = 'off' | 'wait' | 'maintenance'

/** Requests of a service wait, or get a maintenance page. */
export interface Hold {
  /** Absent: all services that have no hold of their own. */
  readonly service?: string
  readonly mode: HoldMode
}

/** What holds after an order: one for all comes first and replaces every other, one for a service leaves the others. */
export function withHold(holds: readonly Hold[], { service, mode }: Hold): readonly Hold[] {
  if (service === undefined) return mode === 'off' ? [] : [{ mode }]
  const others = holds.filter((hold) => hold.service !== service)
  // To serve has to be said only where all the others are held.
  const isSaid = mode !== 'off' || others.some((hold) => hold.service === undefined)
  return isSaid ? [...others, { service, mode }] : others
}

export function holdOf(holds: readonly Hold[], service: string): HoldMode {
  const own = holds.find((hold) => hold.service === service) ?? holds.find((hold) => hold.service === undefined)
  return own?.mode ?? 'off'
}

/** Which services are held: those that are named, and of `services` those for which the hold of all counts. */
export function heldServices(
  holds: readonly Hold[],
  services: Iterable<string>,
): readonly { readonly service: string; readonly mode: Exclude<HoldMode, 'off'> }[] {
  const named = holds.flatMap(({ service }) => (service === undefined ? [] : [service]))
  return [...new Set([...named, ...services])].flatMap((service) => {
    const mode = holdOf(holds, service)
    return mode === 'off' ? [] : [{ service, mode }]
  })
}
