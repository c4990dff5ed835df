import { duration, percent } from '../words.ts'
import type { Progress, ProgressStep } from './progress.ts'

export interface Frame {
  readonly columns: number
  readonly nowMs: number
  readonly hasColor: boolean
  /** Counts up with each drawing: turns the spinner. */
  readonly turn: number
}

const spinner = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'] as const
const colors = { dim: '2', green: '32', red: '31', cyan: '36' } as const
const BAR = 24
const NAME = 18

/** The picture of a deployment: its steps with their times, the traffic and what the judge says; each line fits. */
export function renderProgress(progress: Progress, frame: Frame): readonly string[] {
  const paint = painter(frame.hasColor)
  const { title, state, steps, weight, judge, logLine } = progress
  const total = seconds(progress.startedAtMs, frame.nowMs)
  const lines: [string, keyof typeof colors | null][] = [[`${title} · ${state} · ${total}`, null]]
  for (const step of steps) lines.push([stepLine(step, frame), stepColor(step)])
  if (logLine !== null && logLine !== '') lines.push([`  │ ${logLine}`, 'dim'])
  if (weight !== null) lines.push([`  ${trafficBar(weight)}`, 'cyan'])
  if (judge !== null) lines.push([`  judge: ${judge.action}: ${judge.reason}`, null])
  return lines.map(([line, color]) => paint(cut(line, frame.columns), color))
}

export function trafficBar(weight: number): string {
  const full = Math.round(weight * BAR)
  return `[${'█'.repeat(full)}${'░'.repeat(BAR - full)}] ${percent(weight)} on the new release`
}

function stepLine({ name, state, detail, startedAtMs, endedAtMs }: ProgressStep, { nowMs, turn }: Frame): string {
  const mark = { running: spinner[turn % spinner.length] ?? '·', done: '✓', failed: '✗' }[state]
  const told = detail === null ? '' : `  ${detail.replaceAll('\n', ' ')}`
  return `${mark} ${name.padEnd(NAME)} ${seconds(startedAtMs, endedAtMs ?? nowMs).padStart(9)}${told}`
}

function stepColor({ state }: ProgressStep): keyof typeof colors | null {
  return { running: 'cyan', done: 'green', failed: 'red' }[state] as keyof typeof colors
}

function seconds(fromMs: number, toMs: number): string {
  return duration(Math.max(0, toMs - fromMs) / 1000)
}

/** One column is left free: some terminals wrap when the last one is written. */
function cut(line: string, columns: number): string {
  const characters = Array.from(line)
  return characters.length < columns ? line : `${characters.slice(0, Math.max(1, columns - 2)).join('')}…`
}

function painter(hasColor: boolean): (text: string, color: keyof typeof colors | null) => string {
  return (text, color) => (hasColor && color !== null ? `\u001b[${colors[color]}m${text}\u001b[0m` : text)
}
