import type { TrafficSplit } from '../../../model/traffic-split.ts'

export const ROUTERS = 2

/** A split that was ordered, and when each router heard of it. */
export interface Order {
  readonly number: number
  readonly split: TrafficSplit
  readonly heardAtMs: readonly number[]
}

/** Share of the requests that come by connections which a router opened before it heard of a split. */
const STRAGGLERS = 0.02

/** The newest order that this router heard of. */
export function orderOf(orders: readonly Order[], router: number, atMs: number): Order | null {
  return orders.findLast(({ heardAtMs }) => (heardAtMs[router] ?? Infinity) <= atMs) ?? null
}

/** The release that one request is led to; null: nobody serves. */
export function releaseFor(
  orders: readonly Order[],
  request: { readonly router: number; readonly atMs: number; readonly tailMs: number },
  random: () => number,
): string | null {
  const { router, atMs, tailMs } = request
  const order = orderOf(orders, router, atMs)
  if (order === null) return null
  const isEarly = atMs - (order.heardAtMs[router] ?? 0) < tailMs
  const before = isEarly && random() < STRAGGLERS ? orderBefore(orders, order, router, atMs) : null
  const { base, candidate, weight } = (before ?? order).split
  return candidate !== null && random() < weight ? candidate : base
}

/** What the router went by before; null: it led nowhere. */
function orderBefore(orders: readonly Order[], order: Order, router: number, atMs: number): Order | null {
  const earlier = orders.filter(({ number, split }) => number < order.number && split.base !== null)
  return orderOf(earlier, router, atMs)
}
