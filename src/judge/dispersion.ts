import { median } from './numbers.ts'

/**
 * How much failures of one instance come in clumps, learned from the old release alone. 1 = like independent requests;
 * 4 = as if every failure counted four times (retry storms, bursts of one node). The robust test divides its evidence by it.
 * The spread is measured *between instances of the same block*, so trouble that hits all of them does not count as clumps.
 *
 * φ = max(1, max over 10 s and 60 s blocks of (Σ_b X_b·f_b + 20)/(Σ_b X_b + 20)), where X_b is the block's total and
 * f_b = Σ_i (x_ib − X_b/m)² / (X_b/m) / (m−1), the variance of the m instances over their mean. Twenty imaginary events
 * at φ = 1 keep it near 1 when nearly nothing failed. One instance alone: no spread to see, φ = 1.
 */
export const WINSOR_FACTOR = 3
const PRIOR_EVENTS = 20
const TENS_PER_MINUTE = 6

/** The largest count that one instance may contribute to a cell: three times the usual of its old peers, at least 3. */
export function winsorLimit(oldCounts: readonly number[]): number {
  const sorted = [...oldCounts].sort((a, b) => a - b)
  return WINSOR_FACTOR * Math.max(1, median(sorted))
}

/** φ from counts of failures per 10 s block (rows) and instance (columns). */
export function dispersion(blocks: readonly (readonly number[])[]): number {
  const instances = blocks[0]?.length ?? 0
  if (instances < 2) return 1
  const tens = blocks.map((row) => {
    const limit = winsorLimit(row)
    return row.map((count) => Math.min(count, limit))
  })
  return Math.max(1, pooledSpread(tens, instances), pooledSpread(minutes(tens, instances), instances))
}

function minutes(tens: readonly (readonly number[])[], instances: number): number[][] {
  const sums: number[][] = []
  for (let start = 0; start + TENS_PER_MINUTE <= tens.length; start += TENS_PER_MINUTE) {
    const sum = Array.from({ length: instances }, () => 0)
    for (const row of tens.slice(start, start + TENS_PER_MINUTE)) {
      for (let i = 0; i < instances; i++) sum[i] = (sum[i] ?? 0) + (row[i] ?? 0)
    }
    sums.push(sum)
  }
  return sums
}

function pooledSpread(blocks: readonly (readonly number[])[], instances: number): number {
  let events = PRIOR_EVENTS
  let weighted = PRIOR_EVENTS
  for (const row of blocks) {
    let total = 0
    for (const count of row) total += count
    if (total === 0) continue
    const mean = total / instances
    let squares = 0
    for (const count of row) squares += (count - mean) ** 2
    events += total
    weighted += total * (squares / mean / (instances - 1))
  }
  return weighted / events
}
