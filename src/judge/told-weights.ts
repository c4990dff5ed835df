/**
 * Which weight was in force when: one entry [second, weight] per change, for as long as news of that time may still come. A
 * router that does not know its weights, or counts by the minute, reports requests without them.
 */
export type ToldWeights = [second: number, weight: number][]

/** More would tell nothing, and take room. */
const DIGITS = 6

/** Takes down the weight that is in force in a second; it is taken to hold until the next one is told. */
export function noteWeight(told: ToldWeights, second: number, inForce: number, keepSeconds: number): void {
  const weight = Number(inForce.toPrecision(DIGITS))
  while ((told.at(-1)?.[0] ?? Number.NEGATIVE_INFINITY) >= second) told.pop()
  if (told.at(-1)?.[1] !== weight) told.push([second, weight])
  while ((told[1]?.[0] ?? Number.POSITIVE_INFINITY) <= second - keepSeconds) told.shift()
}

/** Mean weight over so many seconds; before the first that was told it is taken to have been the same. */
export function weightOver(told: ToldWeights, from: number, seconds = 1): number {
  const until = from + seconds
  let end = until
  let sum = 0
  for (let i = told.length - 1; i >= 0 && end > from; i--) {
    const [since = 0, weight = 0] = told[i] ?? []
    if (since >= end) continue
    const begin = i === 0 ? from : Math.max(since, from)
    sum += (end - begin) * weight
    end = begin
  }
  return end < until ? sum / (until - end) : (told[0]?.[1] ?? 0)
}

/**
 * Whether some router may have gone by another weight than the one told: an order is told of when all of them follow it, and
 * the first did so up to a reaction earlier.
 */
export function isChanging(told: ToldWeights, from: number, seconds: number, reactionSeconds: number): boolean {
  return told.some(([at], index) => index > 0 && from <= at && from + seconds > at - reactionSeconds)
}
