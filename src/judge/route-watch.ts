import type { RouteCount } from '../model/sample.ts'
import { fastRatios, LOG_FAST_COUNT, labelBet } from './fast-test.ts'
import { logSumExp } from './numbers.ts'

/**
 * One broken route drowns in the sum of all. For each route (the first 24 that are seen) the label
 * bets of the fast test run on its own failures. The routes share a tenth of the fast test's budget, so their average is
 * held against ten times its threshold, and the largest names the cause.
 */
export interface RouteWatch {
  readonly fortunes: Record<string, number[]>
  readonly counts: Record<string, number[]>
}

const MOST_ROUTES = 24
/** Share of the fast test's budget. */
export const ROUTE_BUDGET = 0.1

export function startRouteWatch(): RouteWatch {
  return { fortunes: {}, counts: {} }
}

/** Adds failures of one arrival second and weight; `new` and `old` are the counts by route of that block. */
export function addRoutes(
  watch: RouteWatch,
  release: 'old' | 'new',
  routes: Readonly<Record<string, RouteCount>>,
  weight: number,
): void {
  if (weight <= 0 || weight >= 1) return
  for (const route in routes) {
    const count = routes[route]
    if (count === undefined) continue
    const counts = countsOf(watch, route)
    if (counts === undefined) continue
    const at = release === 'new' ? 0 : 2
    counts[at] = (counts[at] ?? 0) + count.requests
    counts[at + 1] = (counts[at + 1] ?? 0) + count.bad
    if (count.bad === 0) continue
    const fortunes = (watch.fortunes[route] ??= fastRatios.map(() => 0))
    for (let j = 0; j < fastRatios.length; j++) {
      const gain = labelBet(release === 'new' ? count.bad : 0, count.bad, weight, fastRatios[j] ?? 1)
      fortunes[j] = (fortunes[j] ?? 0) + gain
    }
  }
}

function countsOf(watch: RouteWatch, route: string): number[] | undefined {
  const known = watch.counts[route]
  if (known !== undefined) return known
  if (Object.keys(watch.counts).length >= MOST_ROUTES) return undefined
  const counts = [0, 0, 0, 0]
  watch.counts[route] = counts
  return counts
}

/** ln E of the average over all routes seen, and the route that tells most. */
export function routeEvidence(watch: RouteWatch): { evidence: number; route: string | null; ratio: number } {
  const seen = Object.keys(watch.counts).length
  const failing = Object.entries(watch.fortunes)
  // With a single route the sum of all tells the same.
  if (seen < 2 || failing.length === 0) return { evidence: 0, route: null, ratio: 1 }
  const each = failing.map(([, fortunes]) => logSumExp(fortunes) - LOG_FAST_COUNT)
  let worst = 0
  for (let i = 1; i < each.length; i++) if ((each[i] ?? 0) > (each[worst] ?? 0)) worst = i
  const rest = seen - failing.length
  const evidence = logSumExp(rest > 0 ? [...each, Math.log(rest)] : each) - Math.log(seen)
  const [route, fortunes] = failing[worst] ?? [null, [] as number[]]
  const best = fortunes.indexOf(Math.max(...fortunes))
  return { evidence, route, ratio: fastRatios[best] ?? 1 }
}

/** Counts of one route: [requests new, failed new, requests old, failed old]. */
export function routeCounts(watch: RouteWatch, route: string): readonly number[] {
  return watch.counts[route] ?? [0, 0, 0, 0]
}
