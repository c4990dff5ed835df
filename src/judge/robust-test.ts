import { WINSOR_FACTOR } from './dispersion.ts'
import { fastRatios, LOG_FAST_COUNT, labelBet } from './fast-test.ts'
import type { Feed } from './feed.ts'
import { logSumExp, median } from './numbers.ts'
import { spread } from './spread.ts'

/**
 * The ROBUST test may roll back. It makes the label bets of the fast test, but on cells of 10 s, and distrusts each cell:
 * - one instance counts at most 3 × the usual of its old peers (winsorising), so a bad node cannot speak for a release;
 * - the evidence is divided by φ, the clumping that the old release itself shows (see `dispersion`);
 * - no cell gives more than a third of the evidence that is needed, so at least three cells must agree.
 * A router that counts by the minute has cells of a minute: a block speaks once, however long it is.
 * Each of the three only lowers evidence. inc = min((1/φ)·[Y·ln ρ − K·ln(1 + s(ρ−1))], cap), s = observed share of requests.
 * Dividing is exact for clumps of up to φ failures that share a release: E[X^s] ≤ (E X)^s for s ≤ 1 (Jensen).
 */
export interface RobustTest {
  /** Arrival second of the first cell's start. */
  readonly from: number
  readonly cellSeconds: number
  readonly phi: number
  /** Largest ln of evidence that one cell may give. */
  readonly cap: number
  /** Only ratios from this one (an index) on are believed in: a second look asks about what was suspected. */
  readonly least: number
  /** Sum over closed cells, per ratio. */
  readonly sums: number[]
  /** How many cells stay correctable; a failure that becomes known later than that is left to the fast test. */
  readonly kept: number
  /** Open and recent cells: a late failure reopens the sum of its own cell, not of the present one. */
  cells: Cell[]
}

interface Cell {
  readonly index: number
  requestsOld: number
  requestsNew: number
  readonly badOld: Record<string, number>
  readonly badNew: Record<string, number>
  /** What it gave to `sums`; null while nothing. */
  given: number[] | null
  /** Has ended and was taken in. */
  closed: boolean
  /** The new release failed again since the last look. */
  fresh: boolean
}

export const CELL_SECONDS = 10
const CELLS_KEPT = 7
const COUNT = fastRatios.length

export function startRobustTest(options: {
  readonly from: number
  readonly phi: number
  readonly cap: number
  readonly requestsPerSecond: number
  readonly feed: Feed
  readonly leastRatio?: number
}): RobustTest {
  const { from, phi, cap, requestsPerSecond, feed, leastRatio = 0 } = options
  const cellSeconds = Math.max(cellSecondsFor(requestsPerSecond), feed.blockSeconds)
  // What is ahead of the watermark must not push out what is still to come.
  const kept = CELLS_KEPT + Math.ceil(feed.lagSeconds / cellSeconds)
  const least = Math.max(
    0,
    fastRatios.findIndex((ratio) => ratio >= leastRatio),
  )
  return { from, cellSeconds, phi, cap, least, sums: Array.from({ length: COUNT }, () => 0), kept, cells: [] }
}

/** Cells long enough for about four requests, so that scarce traffic is not skipped: 10 s above 0.4 requests/s. */
function cellSecondsFor(requestsPerSecond: number): number {
  if (requestsPerSecond <= 0) return CELL_SECONDS
  return CELL_SECONDS * Math.min(12, Math.max(1, Math.ceil(0.4 / requestsPerSecond)))
}

/** ln E. */
export function robustEvidence(test: RobustTest): number {
  if (test.least === 0) return logSumExp(test.sums) - LOG_FAST_COUNT
  return logSumExp(test.sums.slice(test.least)) - Math.log(COUNT - test.least)
}

/**
 * The cells to which requests of so many seconds belong, each with its share: a block that is no longer than a cell counts in the one
 * in which it begins, so that it cannot speak twice. None before the test began or where they are past correcting.
 */
function eachCell(test: RobustTest, from: number, seconds: number, visit: (cell: Cell, share: number) => void): void {
  const { cellSeconds } = test
  const visitAt = (index: number, share: number) => {
    const cell = cellAt(test, index)
    if (cell !== undefined) visit(cell, share)
  }
  // The usual case, for every instance and second, without the detour.
  if (seconds <= cellSeconds) visitAt(Math.floor((from - test.from) / cellSeconds), 1)
  else spread(from, seconds, { origin: test.from, width: cellSeconds }, visitAt)
}

function cellAt(test: RobustTest, index: number): Cell | undefined {
  if (index < 0) return undefined
  const { cells } = test
  for (let i = cells.length - 1; i >= 0; i--) {
    const cell = cells[i]
    if (cell !== undefined && cell.index === index) return cell
  }
  const last = cells.at(-1)
  if (last !== undefined && index < last.index) return undefined
  const cell: Cell = {
    index,
    requestsOld: 0,
    requestsNew: 0,
    badOld: {},
    badNew: {},
    given: null,
    closed: false,
    fresh: false,
  }
  cells.push(cell)
  if (cells.length > test.kept) cells.shift()
  return cell
}

/** What arrived in so many seconds from `from` on. */
export interface Arrivals {
  readonly from: number
  readonly seconds: number
  readonly release: 'old' | 'new'
}

/** Adds failures; true when a cell that was closed has changed. */
export function addBad(test: RobustTest, { from, seconds, release }: Arrivals, instance: string, bad: number): boolean {
  let reopened = false
  eachCell(test, from, seconds, (cell, share) => {
    const counts = release === 'new' ? cell.badNew : cell.badOld
    counts[instance] = (counts[instance] ?? 0) + bad * share
    if (release === 'new') cell.fresh = true
    if (cell.closed) reopened = true
  })
  return reopened
}

export function bookRequests(test: RobustTest, { from, seconds, release }: Arrivals, requests: number): void {
  if (requests === 0) return
  eachCell(test, from, seconds, (cell, share) => {
    if (release === 'new') cell.requestsNew += requests * share
    else cell.requestsOld += requests * share
  })
}

/** An instance is to blame, not the release: its failures in recent cells count no more. */
export function forgetInstance(test: RobustTest, instance: string): void {
  for (const cell of test.cells) delete cell.badNew[instance]
}

/**
 * Takes in every cell that has ended by this second, those that late events have changed, and the open one each time that the new
 * release fails in it: the decisive failure need not wait for the end of its cell (a bet may be stopped at any time).
 */
export function closeCells(test: RobustTest, second: number, liveOld: number, changed: boolean): void {
  for (const cell of test.cells) {
    const hasEnded = test.from + (cell.index + 1) * test.cellSeconds <= second + 1
    if (cell.closed ? !changed : !hasEnded && !cell.fresh) continue
    cell.closed = hasEnded
    cell.fresh = false
    const given = cellEvidence(test, cell, liveOld)
    for (let j = 0; j < COUNT; j++) {
      test.sums[j] = (test.sums[j] ?? 0) + (given[j] ?? 0) - (cell.given?.[j] ?? 0)
    }
    cell.given = given
  }
}

function cellEvidence(test: RobustTest, cell: Cell, liveOld: number): number[] {
  const { requestsOld, requestsNew } = cell
  if (requestsOld <= 0 || requestsNew <= 0) return zeros
  const limit = peerLimit(Object.values(cell.badOld), liveOld)
  const badNew = winsorised(cell.badNew, limit)
  const badAll = badNew + winsorised(cell.badOld, limit)
  if (badAll === 0) return zeros
  return robustIncrements({ badNew, badAll, share: requestsNew / (requestsNew + requestsOld) }, test.phi, test.cap)
}

const zeros: number[] = Array.from({ length: COUNT }, () => 0)

/** ln of what one cell gives, per ratio. */
export function robustIncrements(
  cell: { readonly badNew: number; readonly badAll: number; readonly share: number },
  phi: number,
  cap: number,
): number[] {
  return fastRatios.map((ratio) => Math.min(labelBet(cell.badNew, cell.badAll, cell.share, ratio) / phi, cap))
}

/** 3 × max(1, median over live old instances); instances that are not listed had no failure. */
function peerLimit(failing: readonly number[], liveOld: number): number {
  if (failing.length * 2 < liveOld) return WINSOR_FACTOR
  const counts = [...failing]
  while (counts.length < liveOld) counts.push(0)
  return WINSOR_FACTOR * Math.max(1, median(counts.sort((a, b) => a - b)))
}

function winsorised(counts: Readonly<Record<string, number>>, limit: number): number {
  let sum = 0
  for (const count of Object.values(counts)) sum += Math.min(count, limit)
  return sum
}
