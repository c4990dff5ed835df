/** Middle value; the mean of the two middle ones for an even count. NaN when there is none. */
export function median(values: readonly number[]): number {
  return quantile(ascending(values), 0.5)
}

/** `share` 0..1, nearest rank: a value that was really measured. NaN when there is none. */
export function percentile(values: readonly number[], share: number): number {
  return rank(ascending(values), share)
}

export interface Spread {
  readonly count: number
  readonly min: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

export function spread(values: readonly number[]): Spread {
  const sorted = ascending(values)
  return {
    count: sorted.length,
    min: rank(sorted, 0),
    p50: rank(sorted, 0.5),
    p90: rank(sorted, 0.9),
    p99: rank(sorted, 0.99),
    p999: rank(sorted, 0.999),
    max: rank(sorted, 1),
  }
}

function ascending(values: readonly number[]): Float64Array {
  return Float64Array.from(values).sort()
}

function rank(sorted: Float64Array, share: number): number {
  const index = Math.max(0, Math.ceil(share * sorted.length) - 1)
  return sorted[Math.min(index, sorted.length - 1)] ?? Number.NaN
}

function quantile(sorted: Float64Array, share: number): number {
  const position = share * (sorted.length - 1)
  const below = sorted[Math.floor(position)] ?? Number.NaN
  const above = sorted[Math.ceil(position)] ?? Number.NaN
  return below + (above - below) * (position - Math.floor(position))
}
