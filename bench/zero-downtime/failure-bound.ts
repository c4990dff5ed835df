/**
 * Upper end of the one-sided 95 % interval (Clopper and Pearson) for the share of requests that fail, after `failed` of `count`:
 * the share at which so few failures would come about in one case of twenty. About 3 / count when none failed.
 */
export function failureBound(failed: number, count: number, confidence = 0.95): number {
  if (count <= 0 || failed >= count) return 1
  let [low, high] = [failed / count, 1]
  for (let step = 0; step < 100; step++) {
    const middle = (low + high) / 2
    if (atMost(failed, count, middle) > 1 - confidence) low = middle
    else high = middle
  }
  return high
}

/** Probability of no more than `failed` failures of `count` at a share; in logarithms, as single terms are tiny. */
function atMost(failed: number, count: number, share: number): number {
  let term = count * Math.log1p(-share)
  let sum = Math.exp(term)
  for (let i = 1; i <= failed; i++) {
    term += Math.log((count - i + 1) / i) + Math.log(share) - Math.log1p(-share)
    sum += Math.exp(term)
  }
  return sum
}
