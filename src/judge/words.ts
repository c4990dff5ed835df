import { ratioInterval } from './ratio-sequence.ts'
import type { JudgeState } from './state.ts'

/** Figures as people read them: 3,907 · 0.42 % · 6.1 s. */
export function count(n: number): string {
  const digits = String(Math.round(n))
  let text = ''
  for (let i = 0; i < digits.length; i++) {
    if (i > 0 && (digits.length - i) % 3 === 0 && digits[i - 1] !== '-') text += ','
    text += digits[i] ?? ''
  }
  return text
}

export function percent(share: number): string {
  const x = share * 100
  return `${x >= 10 ? x.toFixed(0) : x >= 1 ? trim(x.toFixed(1)) : trim(x.toPrecision(2))} %`
}

export function seconds(s: number): string {
  return `${trim(s.toFixed(1))} s`
}

/** A factor of evidence: 12 · 4,300 · more than a million. */
export function times(log: number): string {
  if (log > Math.log(1e6)) return 'more than a million'
  const x = Math.exp(log)
  return x >= 100 ? count(Number(x.toPrecision(2))) : Number(x.toPrecision(2)).toString()
}

function trim(text: string): string {
  return text.includes('.') && !text.includes('e') ? text.replace(/\.?0+$/, '') : Number(text).toString()
}

/** "9 of 412 requests failed on the new release, 1 of 3,907 on the old" */
export function failures(state: JudgeState): string {
  const { old, new: fresh } = state.totals
  return (
    `${count(fresh.bad)} of ${count(fresh.requests)} requests failed on the new release, ` +
    `${count(old.bad)} of ${count(old.requests)} on the old`
  )
}

export interface RiskRatio {
  readonly estimate: number
  readonly low: number
  readonly high: number
}

/** Risk ratio with its 95 % confidence sequence; null while nothing can be said. */
export function riskRatio(state: JudgeState): RiskRatio | null {
  const { old, new: fresh } = state.totals
  const interval = ratioInterval(state.ratio)
  if (interval === null || fresh.requests === 0 || old.requests === 0) return null
  const newRate = fresh.distinct / fresh.requests
  const oldRate = Math.max(old.distinct, 0.5) / old.requests
  const estimate = Math.min(Math.max(newRate / oldRate, interval.low), interval.high)
  return { estimate: figure(estimate), low: figure(interval.low), high: figure(interval.high) }
}

/** "85 times the risk (95 %: at least 8 times)"; empty while nothing can be said. */
export function risk(state: JudgeState): string {
  const ratio = riskRatio(state)
  if (ratio === null) return ''
  const { old, new: fresh } = state.totals
  const exact = old.distinct > 0 ? fresh.distinct / fresh.requests / (old.distinct / old.requests) : ratio.estimate
  if (ratio.low > 1) return `; ${shown(exact)} times the risk (95 %: at least ${shown(ratio.low)} times)`
  return `; ${shown(exact)} times the risk (95 %: ${shown(ratio.low)} to ${shown(ratio.high)} times)`
}

function shown(x: number): string {
  return x >= 10 ? count(x) : trim(x.toPrecision(2))
}

function figure(x: number): number {
  return Number(x.toPrecision(4))
}
