/**
 * The last 128 arrival seconds, as parallel arrays that are reused in a circle: the weight in force, which kind of bet each
 * gambler had chosen for that second, and the counts of both releases, so that late news can be booked where it belongs.
 */
export interface Seconds {
  readonly second: number[]
  readonly weight: number[]
  readonly mask: number[]
  readonly requestsOld: number[]
  readonly badOld: number[]
  readonly requestsNew: number[]
}

const SIZE = 128

export function startSeconds(): Seconds {
  const column = (value: number) => Array.from({ length: SIZE }, () => value)
  return {
    second: column(-1),
    weight: column(0),
    mask: column(0),
    requestsOld: column(0),
    badOld: column(0),
    requestsNew: column(0),
  }
}

/** Where a second is kept, or -1 when it never was or is forgotten. */
export function slotOf(seconds: Seconds, second: number): number {
  const slot = second & (SIZE - 1)
  return seconds.second[slot] === second ? slot : -1
}

/** Opens a second that was not seen before; -1 when it is too old to be kept. */
export function openSlot(seconds: Seconds, second: number, weight: number, mask: number): number {
  const slot = second & (SIZE - 1)
  if ((seconds.second[slot] ?? -1) > second) return -1
  seconds.second[slot] = second
  seconds.weight[slot] = weight
  seconds.mask[slot] = mask
  seconds.requestsOld[slot] = 0
  seconds.badOld[slot] = 0
  seconds.requestsNew[slot] = 0
  return slot
}

/** Counts of the old release, and all requests, over the last so many seconds up to `now`. */
export function recent(
  seconds: Seconds,
  now: number,
  length: number,
): { requestsOld: number; badOld: number; requestsNew: number } {
  const sum = { requestsOld: 0, badOld: 0, requestsNew: 0 }
  for (let second = now - length + 1; second <= now; second++) {
    const slot = slotOf(seconds, second)
    if (slot < 0) continue
    sum.requestsOld += seconds.requestsOld[slot] ?? 0
    sum.badOld += seconds.badOld[slot] ?? 0
    sum.requestsNew += seconds.requestsNew[slot] ?? 0
  }
  return sum
}
