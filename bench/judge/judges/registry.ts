import { explain, type Judge, start, step } from '../../../src/judge/index.ts'
import { alarm } from './alarm.ts'
import { argo } from './argo.ts'
import { flagger } from './flagger.ts'
import { kayenta } from './kayenta.ts'

/** A judge with its state hidden; each holds one run at a time. */
export type AnyJudge = Judge<unknown>

export const judgeNames = ['sluice', 'alarm', 'argo', 'flagger', 'kayenta', 'kayenta-p90'] as const
export type JudgeName = (typeof judgeNames)[number]

export function isJudgeName(name: string): name is JudgeName {
  return (judgeNames as readonly string[]).includes(name)
}

const judges: Readonly<Record<JudgeName, unknown>> = {
  sluice: { start, step, explain },
  alarm,
  argo,
  flagger,
  kayenta: kayenta('errors'),
  'kayenta-p90': kayenta('p90'),
}

export function judgeNamed(name: JudgeName): AnyJudge {
  return judges[name] as AnyJudge
}
