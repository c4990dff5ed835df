import type { Event } from '../../model/event.ts'
import { readable } from '../words.ts'

export interface ProgressStep {
  readonly name: string
  readonly state: 'running' | 'done' | 'failed'
  readonly detail: string | null
  readonly startedAtMs: number
  readonly endedAtMs: number | null
}

/** What a reader wants to see of a deployment at one glance. */
export interface Progress {
  readonly title: string
  readonly state: string
  readonly startedAtMs: number
  readonly steps: readonly ProgressStep[]
  /** Share of the traffic on the new release; null before any shift. */
  readonly weight: number | null
  readonly judge: { readonly action: string; readonly reason: string } | null
  /** Last line of a build or of a release command. */
  readonly logLine: string | null
}

export function startProgress(title: string, nowMs: number): Progress {
  return { title, state: 'preparing', startedAtMs: nowMs, steps: [], weight: null, judge: null, logLine: null }
}

export function progressAfter(progress: Progress, { type, at, data }: Event): Progress {
  const atMs = Date.parse(at)
  switch (type) {
    case 'deployment.state':
      return typeof data.state === 'string' ? { ...progress, state: data.state } : progress
    case 'deployment.step':
      return { ...progress, logLine: null, steps: stepsAfter(progress.steps, data, atMs) }
    case 'deployment.weight':
      return { ...progress, weight: Number(data.weight) }
    case 'deployment.judge':
      return typeof data.reason === 'string'
        ? { ...progress, judge: { action: String(data.action), reason: data.reason } }
        : progress
    case 'deployment.log':
      return Array.isArray(data.lines) ? { ...progress, logLine: plain(String(data.lines.at(-1) ?? '')) } : progress
    default:
      return progress
  }
}

/** A release command prints colours and rewrites its line: within the picture neither may happen. */
function plain(line: string): string {
  const shown = line.replace(/\r$/, '').split('\r').at(-1) ?? ''
  return readable(shown).replaceAll('\t', ' ')
}

/** A step that runs again after a crash is the same step. */
function stepsAfter(
  steps: readonly ProgressStep[],
  data: Readonly<Record<string, unknown>>,
  atMs: number,
): readonly ProgressStep[] {
  const name = String(data.name)
  const known = steps.find((step) => step.name === name)
  const isRunning = data.state === 'running'
  const step: ProgressStep = {
    name,
    state: isRunning ? 'running' : data.state === 'failed' ? 'failed' : 'done',
    detail: typeof data.detail === 'string' ? data.detail : null,
    startedAtMs: known?.startedAtMs ?? atMs,
    endedAtMs: isRunning ? null : atMs,
  }
  return known === undefined ? [...steps, step] : steps.map((one) => (one === known ? step : one))
}
