import { median, percentile } from '../../e2e/support/stats.ts'
import type { Scenario } from './scenario.ts'
import type { RunResult } from './simulate.ts'

/** Figures over all runs; a time that never came counts as `seconds` + 1. */
export interface Summary {
  readonly scenario: string
  readonly judge: string
  readonly runs: number
  /** Shares of the runs. */
  readonly rolledBack: number
  readonly retreated: number
  readonly promoted: number
  /** Shares: a person was asked; ended neither rolled back nor promoted. */
  readonly asked: number
  readonly undecided: number
  readonly broken: number
  readonly failedRequests: { readonly mean: number; readonly p95: number }
  readonly requests: { readonly median: number }
  readonly protectedSeconds: { readonly median: number; readonly within120: number }
  readonly rollbackSeconds: { readonly median: number; readonly within300: number }
  readonly promotedSeconds: { readonly median: number; readonly p95: number }
  readonly protectedSecondsAfterOnset: { readonly median: number; readonly within120: number }
  readonly rollbackSecondsAfterOnset: { readonly median: number; readonly within300: number }
  readonly promotedSecondsAfterOnset: { readonly median: number; readonly p95: number }
}

export function summarise(scenario: Scenario, judge: string, results: readonly RunResult[]): Summary {
  const runs = results.length
  const share = (holds: (result: RunResult) => boolean) => results.filter(holds).length / runs
  const never = scenario.seconds + 1
  const onset = scenario.new.fromSecond ?? 0
  const times = (at: (result: RunResult) => number | null, from: number) =>
    results.map((result) => {
      const time = at(result)
      return time === null ? never : time - from
    })
  const within = (values: readonly number[], limit: number) => values.filter((value) => value <= limit).length / runs
  const failed = results.map((result) => result.failedRequests)
  const figures = (from: number) => {
    const protectedAt = times((r) => (from > 0 ? r.protectedAfterOnsetAt : r.protectedAt), from)
    const rolledBackAt = times((r) => r.rolledBackAt, from)
    const promotedAt = times((r) => r.promotedAt, from)
    return {
      protectedSeconds: { median: median(protectedAt), within120: within(protectedAt, 120) },
      rollbackSeconds: { median: median(rolledBackAt), within300: within(rolledBackAt, 300) },
      promotedSeconds: { median: median(promotedAt), p95: percentile(promotedAt, 0.95) },
    }
  }
  const fromStart = figures(0)
  const fromOnset = figures(onset)
  return {
    scenario: scenario.id,
    judge,
    runs,
    rolledBack: share((r) => r.rolledBackAt !== null),
    retreated: share((r) => r.retreats > 0),
    promoted: share((r) => r.promotedAt !== null),
    asked: share((r) => r.asked),
    undecided: share((r) => r.rolledBackAt === null && r.promotedAt === null),
    broken: share((r) => r.broken),
    failedRequests: { mean: failed.reduce((a, b) => a + b, 0) / runs, p95: percentile(failed, 0.95) },
    requests: { median: median(results.map((r) => r.requests)) },
    ...fromStart,
    protectedSecondsAfterOnset: fromOnset.protectedSeconds,
    rollbackSecondsAfterOnset: fromOnset.rollbackSeconds,
    promotedSecondsAfterOnset: fromOnset.promotedSeconds,
  }
}
