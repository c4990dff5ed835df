import { logAddExp, logSumExp } from './numbers.ts'

/**
 * The absolute rule, such as "more than 1 % of the requests fail": bets on the new release alone, against a fixed limit.
 * ℓ = Y·ln(q/limit) + (N−Y)·ln((1−q)/(1−limit)) for rates q above the limit; the average fortune reaches 1/α with a
 * probability of at most α while the true rate is within the limit. With `cap` the evidence is taken in by cells of 10 s
 * and no cell gives more than the cap, as in the robust test. Requests are debited at arrival, failures credited when
 * they become known; no weight is needed, so a late failure may count in the present cell.
 */
export interface LevelTest {
  readonly limit: number
  readonly fortunes: number[]
  /** ln gained in the present cell; used with a cap only. */
  readonly pending: number[]
  readonly cap: number | null
  cellUntil: number
  restarts: number
  nextRestart: number
}

const multiples = [1.5, 2, 3, 5, 8, 13, 20, 35, 60, 90] as const
const CELL_SECONDS = 10
const LATE_MASS = 0.2
const RESTARTS = 40
const RESTART_SECONDS = 30

export function startLevelTest(limit: number, second: number, cap: number | null): LevelTest {
  const zeros = () => multiples.map(() => 0)
  return {
    limit,
    fortunes: multiples.map(() => Math.log(1 - LATE_MASS)),
    pending: zeros(),
    cap,
    cellUntil: second + CELL_SECONDS,
    restarts: 0,
    nextRestart: second + RESTART_SECONDS,
  }
}

function levelRate(limit: number, index: number): number {
  return Math.min(limit * (multiples[index] ?? 1), 1 - (1 - Math.min(limit, 0.9)) * 0.03)
}

/** Adds requests and failures of the new release that became known in this second. */
export function addLevelBlock(test: LevelTest, second: number, requests: number, bad: number): void {
  while (test.restarts < RESTARTS && second >= test.nextRestart) {
    const stake = Math.log(LATE_MASS / RESTARTS)
    for (let j = 0; j < multiples.length; j++) test.fortunes[j] = logAddExp(test.fortunes[j] ?? 0, stake)
    test.restarts += 1
    test.nextRestart += RESTART_SECONDS
  }
  if (requests !== 0 || bad !== 0) {
    const { limit } = test
    const target = test.cap === null ? test.fortunes : test.pending
    for (let j = 0; j < multiples.length; j++) {
      const q = levelRate(limit, j)
      const gain = bad * Math.log(q / limit) + (requests - bad) * Math.log((1 - q) / (1 - limit))
      target[j] = (target[j] ?? 0) + gain
    }
  }
  if (test.cap !== null && second + 1 >= test.cellUntil) closeCell(test, second, test.cap)
}

function closeCell(test: LevelTest, second: number, cap: number): void {
  for (let j = 0; j < multiples.length; j++) {
    test.fortunes[j] = (test.fortunes[j] ?? 0) + Math.min(test.pending[j] ?? 0, cap)
    test.pending[j] = 0
  }
  test.cellUntil = second + 1 + CELL_SECONDS
}

/** ln E. */
export function levelEvidence(test: LevelTest): number {
  const unspent = (LATE_MASS * (RESTARTS - test.restarts)) / RESTARTS
  const average = logSumExp(test.fortunes) - Math.log(multiples.length)
  return unspent > 0 ? logAddExp(average, Math.log(unspent)) : average
}

/** The rate that explains what was seen best. */
export function bestLevelRate(test: LevelTest): number {
  let best = 0
  for (let j = 1; j < multiples.length; j++) if ((test.fortunes[j] ?? 0) > (test.fortunes[best] ?? 0)) best = j
  return levelRate(test.limit, best)
}
