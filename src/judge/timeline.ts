import { type JudgeAction, judgeActions, type VerdictPoint } from '../model/verdict.ts'

/**
 * Evidence over time for the dossier, thinned as it grows: one point per `stride` seconds and one per change of action,
 * at most 240. When it is full every other point goes and the stride doubles. Rows: [second, weight, action, evidence…].
 */
export interface Timeline {
  stride: number
  rows: number[][]
  last: number
  lastAction: number
}

const timelineColumns = ['fast', 'robust', 'confirm', 'absolute', 'latency', 'business', 'routing'] as const
const MOST = 240

export function startTimeline(): Timeline {
  return { stride: 1, rows: [], last: Number.MIN_SAFE_INTEGER, lastAction: -1 }
}

/** True when this second is to be kept; asked first because gathering the evidence costs something. */
export function isDue(timeline: Timeline, second: number, action: JudgeAction): boolean {
  return second - timeline.last >= timeline.stride || judgeActions.indexOf(action) !== timeline.lastAction
}

/** `logs` are ln of evidence in the order of `timelineColumns`. */
export function addPoint(
  timeline: Timeline,
  second: number,
  weight: number,
  action: JudgeAction,
  logs: readonly number[],
): void {
  const index = judgeActions.indexOf(action)
  timeline.rows.push([second, round(weight), index, ...logs.map(round)])
  timeline.last = second
  timeline.lastAction = index
  if (timeline.rows.length < MOST) return
  const { rows } = timeline
  // The last point and every change of action stay, they are the story.
  timeline.rows = rows.filter((row, i) => i % 2 === 0 || i === rows.length - 1 || row[2] !== rows[i - 1]?.[2])
  if (timeline.rows.length > MOST * 0.75) timeline.rows = timeline.rows.filter((_, i) => i % 2 === 0)
  timeline.stride *= 2
}

export function timelinePoints(timeline: Timeline): VerdictPoint[] {
  return timeline.rows.map(([second = 0, weight = 0, action = 0, ...logs]) => ({
    second,
    weight,
    action: judgeActions[action] ?? 'hold',
    evidence: Object.fromEntries(
      timelineColumns.flatMap((name, i): [string, number][] => {
        const log = logs[i]
        return log === undefined || log === UNKNOWN ? [] : [[name, factor(log)]]
      }),
    ),
  }))
}

/** Stands for "this test did not run". */
export const UNKNOWN = -999

/** A factor of evidence that JSON can hold: between 10^-30 and 10^30, four digits. */
export function factor(log: number): number {
  return Number(Math.exp(Math.min(Math.max(log, -69), 69)).toPrecision(4))
}

function round(x: number): number {
  return Math.round(Math.max(x, UNKNOWN) * 1e4) / 1e4
}
