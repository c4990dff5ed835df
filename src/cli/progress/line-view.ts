import type { Event } from '../../model/event.ts'
import { duration } from '../words.ts'
import { trafficBar } from './render.ts'
import type { View } from './view.ts'

/** The weight moves many times a second while it rises; a log wants the tens. */
const WORTH_TELLING = 0.1
const JUDGE_SILENT_SECONDS = 10

/** One line per change: what a CI job's log shows. */
export function lineView(say: (line: string) => void, isVerbose: boolean): View {
  const startedAtMs = performance.now()
  const tell = lineTeller(isVerbose)
  return {
    show: (event) => {
      const at = duration((performance.now() - startedAtMs) / 1000).padStart(7)
      for (const line of tell(event)) say(`${at}  ${line}`)
    },
    note: say,
    close: () => {},
  }
}

/** Remembers what was told last, so that a trembling weight is told once. */
export function lineTeller(isVerbose: boolean): (event: Event) => readonly string[] {
  let weight: number | null = null
  let judged = { action: '', elapsedSeconds: Number.NEGATIVE_INFINITY }

  const toldWeight = (now: number, why: unknown): readonly string[] => {
    const isNews = weight === null || now === 0 || now === 1 || now < weight || now - weight >= WORTH_TELLING
    if (!isNews || now === weight) return []
    weight = now
    return [`${trafficBar(now)}${typeof why === 'string' ? `  ${why}` : ''}`]
  }
  const toldJudge = (data: Event['data']): readonly string[] => {
    const action = String(data.action)
    const elapsedSeconds = Number(data.elapsedSeconds)
    if (typeof data.reason !== 'string') return []
    if (action === judged.action && elapsedSeconds - judged.elapsedSeconds < JUDGE_SILENT_SECONDS) return []
    judged = { action, elapsedSeconds }
    return [`judge: ${action}: ${data.reason}`]
  }

  return ({ type, data }) => {
    switch (type) {
      case 'deployment.state':
        return data.serving === true ? ['all traffic is on the new release'] : [`· ${String(data.state)}`]
      case 'deployment.step':
        // A step that waits says for what.
        if (data.state === 'running') return typeof data.detail === 'string' ? [`… ${data.detail}`] : []
        return [
          `${data.state === 'failed' ? '✗' : '✓'} ${String(data.name)}${typeof data.detail === 'string' ? `: ${data.detail}` : ''}`,
        ]
      case 'deployment.weight':
        return toldWeight(Number(data.weight), data.why)
      case 'deployment.judge':
        return toldJudge(data)
      case 'deployment.log':
        return isVerbose && Array.isArray(data.lines) ? data.lines.map((line) => `| ${String(line)}`) : []
      default:
        return []
    }
  }
}
