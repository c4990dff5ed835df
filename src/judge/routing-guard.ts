import { labelBet } from './fast-test.ts'
import { logSumExp } from './numbers.ts'

/**
 * Is traffic really split as the router says? The label bets again, on *all* requests instead of failed ones: N of the
 * new release among all, at the stated weight. E ≥ 10,000 means that routing is not what we think (sample ratio mismatch):
 * the judgement holds, and goes on with observed shares. Where whole visitors are assigned, their requests come in clumps;
 * the evidence is then divided by fifty, about the requests of a busy visit.
 */
const ratios = [0.5, 0.8, 1.25, 2] as const
export const ROUTING_THRESHOLD = 1e4
const REQUESTS_PER_VISIT = 50

export interface RoutingGuard {
  readonly fortunes: number[]
  /** Once true the observed shares are used. */
  mismatch: boolean
}

export function startRoutingGuard(): RoutingGuard {
  return { fortunes: ratios.map(() => 0), mismatch: false }
}

export function addRequests(
  guard: RoutingGuard,
  requestsNew: number,
  requestsAll: number,
  weight: number,
  perRequest: boolean,
): void {
  if (guard.mismatch || requestsAll === 0 || weight <= 0 || weight >= 1) return
  const clump = perRequest ? 1 : REQUESTS_PER_VISIT
  for (let j = 0; j < ratios.length; j++) {
    guard.fortunes[j] = (guard.fortunes[j] ?? 0) + labelBet(requestsNew, requestsAll, weight, ratios[j] ?? 1) / clump
  }
}

/** ln E. */
export function routingEvidence(guard: RoutingGuard): number {
  return logSumExp(guard.fortunes) - Math.log(ratios.length)
}
