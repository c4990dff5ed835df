import type { Deployment } from '../engine/engine.ts'
import type { Verdict } from '../judge/index.ts'
import { columns, percent } from './words.ts'

/** Moments of a judgement that are shown: more would not be read. */
const SHOWN_MOMENTS = 8

/** Why a deployment was judged as it was: which signal, counts, evidence over time, what differs, and how to judge it again. */
export function dossierLines({ id, verdict, differences }: Deployment): readonly string[] {
  const differs = differences.map((line) => `differs: ${line}`)
  if (verdict === null) return differs
  return [
    `verdict: ${verdict.summary}${verdict.conclusive ? '' : ' (not conclusive)'}`,
    ...verdict.reasons.map(({ test, text }) => `  ${test}: ${text}`),
    ...momentLines(verdict),
    ...differs,
    `judge it again: ${replayCommand({ id, verdict })}`,
  ]
}

/** Null: nothing was judged. */
export function replayCommand({ id, verdict }: Pick<Deployment, 'id' | 'verdict'>): string | null {
  return verdict === null ? null : `sluice judge replay ${id}`
}

function momentLines({ timeline }: Verdict): readonly string[] {
  const moments = turningPoints(timeline)
  if (moments.length === 0) return []
  const tests = [...new Set(moments.flatMap(({ evidence }) => Object.keys(evidence)))]
  const rows = moments.map(({ second, weight, action, evidence }) => [
    `${second} s`,
    percent(weight),
    action,
    ...tests.map((test) => shown(evidence[test])),
  ])
  const table = columns([['second', 'traffic', 'judge', ...tests], ...rows])
  return ['evidence over time (times what chance would give):', ...table.split('\n').map((line) => `  ${line}`)]
}

/** The first and the last moment, those where the judge changed its mind, and some between. */
function turningPoints(timeline: Verdict['timeline']): Verdict['timeline'] {
  const last = timeline.length - 1
  const isTurn = timeline.map(
    ({ action }, index) => index === 0 || index === last || timeline[index - 1]?.action !== action,
  )
  const turns = timeline.filter((_point, index) => isTurn[index])
  if (turns.length >= SHOWN_MOMENTS) return [...turns.slice(0, SHOWN_MOMENTS - 1), ...timeline.slice(-1)]
  const every = Math.ceil(timeline.length / (SHOWN_MOMENTS - turns.length + 1))
  return timeline.filter((_point, index) => isTurn[index] || index % every === 0)
}

function shown(evidence: number | undefined): string {
  if (evidence === undefined) return '-'
  if (evidence >= 1e6) return '> 1,000,000'
  return evidence >= 100 ? Math.round(evidence).toLocaleString('en') : Number(evidence.toPrecision(2)).toString()
}
