import type { Decision, JudgeInput, Verdict } from '../../../src/judge/index.ts'
import type { LatencyHistogram } from '../../../src/model/sample.ts'

/**
 * What all tools of the field share: counts of whole minutes and fixed weights (5, 25, 50, 100 %, five minutes each).
 * They are fed perfect one-minute figures without any delay, which flatters them.
 */
export interface Minutes {
  elapsed: number
  requestsNew: number
  badNew: number
  requestsOld: number
  badOld: number
  readonly slowNew: Record<number, number>
  readonly slowOld: Record<number, number>
}

/** One whole minute as a monitoring system would report it. */
export interface Minute {
  readonly index: number
  readonly requestsNew: number
  readonly badNew: number
  readonly requestsOld: number
  readonly badOld: number
  readonly latencyNew: Readonly<Record<number, number>>
  readonly latencyOld: Readonly<Record<number, number>>
}

export const weights = [0.05, 0.25, 0.5, 1] as const
export const MINUTES_PER_STEP = 5
/** Success rate below which a minute fails. */
export const SUCCESS = 0.99

export function startMinutes(): Minutes {
  return { elapsed: -1, requestsNew: 0, badNew: 0, requestsOld: 0, badOld: 0, slowNew: {}, slowOld: {} }
}

function addHistogram(target: Record<number, number>, histogram: LatencyHistogram | undefined): void {
  for (const [key, count] of Object.entries(histogram ?? {})) target[Number(key)] = (target[Number(key)] ?? 0) + count
}

/** Adds one second; answers with the minute when it is complete. The very first call only asks for the first weight. */
export function addSecond(minutes: Minutes, input: JudgeInput): Minute | null {
  minutes.elapsed += 1
  for (const sample of input.new.samples) {
    minutes.requestsNew += sample.requests
    minutes.badNew += sample.bad
    addHistogram(minutes.slowNew, sample.latency)
  }
  for (const sample of input.old.samples) {
    minutes.requestsOld += sample.requests
    minutes.badOld += sample.bad
    addHistogram(minutes.slowOld, sample.latency)
  }
  if (minutes.elapsed === 0 || minutes.elapsed % 60 !== 0) return null
  const { requestsNew, badNew, requestsOld, badOld } = minutes
  const minute: Minute = {
    index: minutes.elapsed / 60 - 1,
    requestsNew,
    badNew,
    requestsOld,
    badOld,
    latencyNew: { ...minutes.slowNew },
    latencyOld: { ...minutes.slowOld },
  }
  minutes.requestsNew = 0
  minutes.badNew = 0
  minutes.requestsOld = 0
  minutes.badOld = 0
  for (const bucket in minutes.slowNew) delete minutes.slowNew[bucket]
  for (const bucket in minutes.slowOld) delete minutes.slowOld[bucket]
  return minute
}

/** The weight by the clock. */
export function scheduled(elapsed: number): number {
  return weights[Math.min(Math.floor(elapsed / (MINUTES_PER_STEP * 60)), weights.length - 1)] ?? 1
}

export function ramp(weight: number): Decision {
  return { action: weight >= 1 ? 'promote' : 'ramp', weight, replace: [], reasons: [] }
}

export function rollBack(): Decision {
  return { action: 'roll-back', weight: 0, replace: [], reasons: [], conclusive: true }
}

export function plainVerdict(summary: string): Verdict {
  return {
    action: 'hold',
    conclusive: true,
    summary,
    reasons: [],
    counts: { old: { requests: 0, bad: 0 }, new: { requests: 0, bad: 0 } },
    protectedAfterSeconds: null,
    decidedAfterSeconds: null,
    timeline: [],
  }
}
