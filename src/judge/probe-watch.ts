import type { ProbeResult } from './judge.ts'
import { logSumExp } from './numbers.ts'

/**
 * Synthetic requests to critical routes: evidence at any traffic, before the first user. Per route a level process
 * against 1 % (or three times the old release's own flakiness), alternatives 5, 20, 50 and 95 % failing; routes and
 * alternatives are averaged. E ≥ 10 withdraws traffic; the capped process (a third of the evidence per probe) decides at 200.
 */
export interface ProbeWatch {
  /** Per route: [ln alarm evidence × 4, ln capped evidence × 4]. */
  readonly routes: Record<string, number[]>
  /** Per route: clean probes in a row on the new release. */
  readonly clean: Record<string, number>
  readonly old: { probes: number; failed: number }
  readonly new: { probes: number; failed: number }
}

const alternatives = [0.05, 0.2, 0.5, 0.95] as const
const COUNT = alternatives.length
const MOST_ROUTES = 30

export function startProbeWatch(): ProbeWatch {
  return { routes: {}, clean: {}, old: { probes: 0, failed: 0 }, new: { probes: 0, failed: 0 } }
}

export function addProbe(watch: ProbeWatch, probe: ProbeResult, cap: number): void {
  const counts = watch[probe.release]
  // Learned before this probe is counted.
  const ceiling = Math.min(Math.max(0.01, (3 * watch.old.failed) / Math.max(watch.old.probes, 100)), 0.5)
  counts.probes += 1
  if (!probe.ok) counts.failed += 1
  if (probe.release === 'old') return
  watch.clean[probe.route] = probe.ok ? (watch.clean[probe.route] ?? 0) + 1 : 0
  let logs = watch.routes[probe.route]
  if (logs === undefined) {
    if (Object.keys(watch.routes).length >= MOST_ROUTES) return
    logs = Array.from({ length: 2 * COUNT }, () => 0)
    watch.routes[probe.route] = logs
  }
  for (let j = 0; j < COUNT; j++) {
    const q = alternatives[j] ?? 0.5
    if (q <= ceiling) continue
    const gain = probe.ok ? Math.log((1 - q) / (1 - ceiling)) : Math.log(q / ceiling)
    logs[j] = (logs[j] ?? 0) + gain
    logs[COUNT + j] = (logs[COUNT + j] ?? 0) + Math.min(gain, cap)
  }
}

/** Spent evidence: only the capped process remembers, so a route that fails now and then adds up. */
export function restartProbeAlarm(watch: ProbeWatch): void {
  for (const logs of Object.values(watch.routes)) logs.fill(0, 0, COUNT)
}

/** ln E of the uncapped (alarm) and the capped (decision) process. */
export function probeEvidence(watch: ProbeWatch): { alarm: number; decision: number } {
  const routes = Object.values(watch.routes)
  if (routes.length === 0) return { alarm: 0, decision: 0 }
  const average = (part: (logs: number[]) => number[]) =>
    logSumExp(routes.flatMap(part)) - Math.log(routes.length * COUNT)
  return { alarm: average((logs) => logs.slice(0, COUNT)), decision: average((logs) => logs.slice(COUNT)) }
}

/** The route with the strongest evidence. */
export function worstProbe(watch: ProbeWatch): string | null {
  let worst: string | null = null
  let most = Number.NEGATIVE_INFINITY
  for (const [route, logs] of Object.entries(watch.routes)) {
    const evidence = logSumExp(logs.slice(COUNT))
    if (evidence > most) {
      most = evidence
      worst = route
    }
  }
  return worst
}
