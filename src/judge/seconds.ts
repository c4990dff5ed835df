import type { Feed } from './feed.ts'
import { spread } from './spread.ts'

/**
 * The arrival seconds of the last two minutes and of all that is not known yet, as parallel arrays that are reused in a circle: the
 * weight in force, which kind of bet each gambler had chosen, and the counts of both releases, so that late news can be booked where
 * it belongs. A router that counts by the minute has slots of a minute.
 */
export interface Seconds {
  /** Seconds per slot. */
  readonly width: number
  /** Number of the slot, its first second / width. */
  readonly second: number[]
  readonly weight: number[]
  /** NOT_CHOSEN: only counts of a neighbouring block reach into this slot. */
  readonly mask: number[]
  readonly requestsOld: number[]
  readonly badOld: number[]
  readonly requestsNew: number[]
}

export interface SecondCounts {
  readonly requestsOld: number
  readonly badOld: number
  readonly requestsNew: number
}

/** How far back it is looked at what the old release did lately. */
const LOOK_BACK_SECONDS = 120
const LEAST_SIZE = 128
/** Lags beyond that cost a part of the look back, not of the state's size. */
const MOST_SIZE = 400
const NOT_CHOSEN = -1

export function startSeconds({ blockSeconds, lagSeconds }: Feed): Seconds {
  const needed = Math.ceil((LOOK_BACK_SECONDS + lagSeconds) / blockSeconds) + 8
  const size = Math.min(Math.max(needed, LEAST_SIZE), MOST_SIZE)
  const column = (value: number) => Array.from({ length: size }, () => value)
  return {
    width: blockSeconds,
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
  return slotAt(seconds, seconds.width === 1 ? second : Math.floor(second / seconds.width))
}

function slotAt(seconds: Seconds, index: number): number {
  const slot = index % seconds.second.length
  return seconds.second[slot] === index ? slot : -1
}

/** True when a weight and a kind of bet were chosen for this slot. */
export function isChosen(seconds: Seconds, slot: number): boolean {
  return slot >= 0 && seconds.mask[slot] !== NOT_CHOSEN
}

/** Opens a second for which nothing was chosen before; -1 when it is too old to be kept. */
export function openSlot(seconds: Seconds, second: number, weight: number, mask: number): number {
  const index = Math.floor(second / seconds.width)
  const slot = openAt(seconds, index)
  if (slot < 0) return slot
  seconds.weight[slot] = weight
  seconds.mask[slot] = mask
  return slot
}

function openAt(seconds: Seconds, index: number): number {
  const slot = index % seconds.second.length
  const held = seconds.second[slot] ?? -1
  if (held === index) return slot
  if (held > index) return -1
  seconds.second[slot] = index
  seconds.weight[slot] = 0
  seconds.mask[slot] = NOT_CHOSEN
  seconds.requestsOld[slot] = 0
  seconds.badOld[slot] = 0
  seconds.requestsNew[slot] = 0
  return slot
}

/** Adds counts of so many seconds, evenly. */
export function addCounts(seconds: Seconds, from: number, length: number, counts: SecondCounts): void {
  spread(from, length, { origin: 0, width: seconds.width }, (index, share) => {
    const slot = openAt(seconds, index)
    if (slot < 0) return
    seconds.requestsOld[slot] = (seconds.requestsOld[slot] ?? 0) + counts.requestsOld * share
    seconds.badOld[slot] = (seconds.badOld[slot] ?? 0) + counts.badOld * share
    seconds.requestsNew[slot] = (seconds.requestsNew[slot] ?? 0) + counts.requestsNew * share
  })
}

/** Counts over the last so many seconds up to `now`, the first slot as a whole; `length` tells how many that are. */
export function recent(seconds: Seconds, now: number, length: number): SecondCounts & { readonly length: number } {
  const { width } = seconds
  const sum = { requestsOld: 0, badOld: 0, requestsNew: 0 }
  const first = Math.floor((now - length + 1) / width)
  const last = Math.floor(now / width)
  for (let index = first; index <= last; index++) {
    const slot = slotAt(seconds, index)
    if (slot < 0) continue
    sum.requestsOld += seconds.requestsOld[slot] ?? 0
    sum.badOld += seconds.badOld[slot] ?? 0
    sum.requestsNew += seconds.requestsNew[slot] ?? 0
  }
  return { ...sum, length: now - first * width + 1 }
}
