/** Seeded random numbers (sfc32): the same seed gives the same run on every machine. */
export interface Random {
  /** Uniform in [0, 1). */
  uniform(): number
  normal(): number
  poisson(mean: number): number
  /** Geometric on 1, 2, 3 … with this mean. */
  geometric(mean: number): number
}

export function random(seed: number, stream: number): Random {
  let a = seed | 0
  let b = stream | 0
  let c = 0x9e3779b9 | 0
  let counter = 1
  const next = () => {
    const t = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + t
    c |= 0
    return t >>> 0
  }
  for (let i = 0; i < 16; i++) next()
  const uniform = () => next() / 4294967296
  let spare = Number.NaN
  const normal = () => {
    if (!Number.isNaN(spare)) {
      const value = spare
      spare = Number.NaN
      return value
    }
    for (;;) {
      const u = 2 * uniform() - 1
      const v = 2 * uniform() - 1
      const s = u * u + v * v
      if (s >= 1 || s === 0) continue
      const scale = Math.sqrt((-2 * Math.log(s)) / s)
      spare = v * scale
      return u * scale
    }
  }
  return {
    uniform,
    normal,
    poisson: (mean) => (mean < 12 ? smallPoisson(uniform, mean) : largePoisson(uniform, mean)),
    geometric: (mean) => (mean <= 1 ? 1 : 1 + Math.floor(Math.log(1 - uniform()) / Math.log(1 - 1 / mean))),
  }
}

/** By inversion. */
function smallPoisson(uniform: () => number, mean: number): number {
  if (mean <= 0) return 0
  let k = 0
  let probability = Math.exp(-mean)
  let u = uniform()
  while (u > probability && k < 200) {
    u -= probability
    k += 1
    probability *= mean / k
  }
  return k
}

/** Transformed rejection with squeeze (Hörmann 1993, PTRS). */
function largePoisson(uniform: () => number, mean: number): number {
  const spread = 0.931 + 2.53 * Math.sqrt(mean)
  const a = -0.059 + 0.02483 * spread
  const inverseAlpha = 1.1239 + 1.1328 / (spread - 3.4)
  const vr = 0.9277 - 3.6224 / (spread - 2)
  const logMean = Math.log(mean)
  for (;;) {
    const u = uniform() - 0.5
    const v = uniform()
    const us = 0.5 - Math.abs(u)
    const k = Math.floor(((2 * a) / us + spread) * u + mean + 0.43)
    if (us >= 0.07 && v <= vr) return k
    if (k < 0 || (us < 0.013 && v > us)) continue
    const left = Math.log(v) + Math.log(inverseAlpha) - Math.log(a / (us * us) + spread)
    if (left <= k * logMean - mean - logFactorial(k)) return k
  }
}

/** Stirling's series; the error is below 1e-10 for k ≥ 10, exact sums below. */
function logFactorial(k: number): number {
  if (k < 10) {
    let sum = 0
    for (let i = 2; i <= k; i++) sum += Math.log(i)
    return sum
  }
  const x = k + 1
  return (x - 0.5) * Math.log(x) - x + 0.9189385332046727 + 1 / (12 * x) - 1 / (360 * x ** 3) + 1 / (1260 * x ** 5)
}
