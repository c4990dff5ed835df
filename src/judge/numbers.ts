/**
 * The few pieces of mathematics that every test shares. All logarithms are natural; evidence is added up as logarithms
 * because factors such as 10^-40 or 10^80 are ordinary here.
 */

/** ln(e^a + e^b) without overflow. */
export function logAddExp(a: number, b: number): number {
  const high = a > b ? a : b
  const low = a > b ? b : a
  return high === Number.NEGATIVE_INFINITY ? high : high + Math.log1p(Math.exp(low - high))
}

/** ln of the sum of e^values; the logarithm of an average of evidence is this minus ln of their number. */
export function logSumExp(values: readonly number[]): number {
  let high = Number.NEGATIVE_INFINITY
  for (const value of values) if (value > high) high = value
  if (high === Number.NEGATIVE_INFINITY) return high
  let sum = 0
  for (const value of values) sum += Math.exp(value - high)
  return high + Math.log(sum)
}

/**
 * Kullback-Leibler divergence KL(q‖p) of two failure rates in nats per request: how much one request tells, on average,
 * between "the rate is q" (true) and "the rate is p". 0·ln 0 = 0.
 */
export function divergence(q: number, p: number): number {
  const failed = q > 0 ? q * Math.log(q / p) : 0
  const fine = q < 1 ? (1 - q) * Math.log((1 - q) / (1 - p)) : 0
  return failed + fine
}

const lanczos = [
  676.5203681218851, -1259.1392167224028, 771.3234287776531, -176.6150291621406, 12.507343278686905,
  -0.13857109526572012, 9.984369578019572e-6, 1.5056327351493116e-7,
]

/** ln Γ(x) for x > 0 (Lanczos, g = 7; error below 1e-13). */
export function logGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x)
  const shifted = x - 1
  let sum = 0.9999999999998099
  for (let i = 0; i < lanczos.length; i++) sum += (lanczos[i] ?? 0) / (shifted + i + 1)
  const t = shifted + 7.5
  return 0.9189385332046727 + (shifted + 0.5) * Math.log(t) - t + Math.log(sum)
}

/** ln B(a, b), the Beta function. */
export function logBeta(a: number, b: number): number {
  return logGamma(a) + logGamma(b) - logGamma(a + b)
}

/** The point in [low, high] where an increasing condition turns true, by bisection. */
export function firstTrue(low: number, high: number, holds: (x: number) => boolean, steps = 60): number {
  let below = low
  let above = high
  for (let i = 0; i < steps; i++) {
    const middle = (below + above) / 2
    if (holds(middle)) above = middle
    else below = middle
  }
  return (below + above) / 2
}

export function clip(x: number, low: number, high: number): number {
  return x < low ? low : x > high ? high : x
}

export function median(sorted: readonly number[]): number {
  const half = sorted.length >> 1
  if (sorted.length === 0) return 0
  const upper = sorted[half] ?? 0
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? 0) + upper) / 2
}
