import { stripVTControlCharacters } from 'node:util'
import { duration, percent } from '../words.ts'
import type { Progress, ProgressStep } from './progress.ts'
import { cut, displayWidth } from './width.ts'

export interface Frame {
  readonly columns: number
  /** Lines that there is room for; the most important ones are kept. */
  readonly lines: number
  readonly nowMs: number
  readonly hasColor: boolean
  /** Counts up with each drawing: turns the spinner. */
  readonly turn: number
}

const spinner = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'] as const
const colors = { dim: '2', green: '32', red: '31', cyan: '36' } as const
const BAR = 24
const NAME = 18

interface Line {
  readonly text: string
  readonly color: keyof typeof colors | null
  readonly importance: number
}

const importance = { finished: 1, log: 2, judge: 3, traffic: 4, title: 5, current: 6 } as const

/** The picture of a deployment: its steps with their times, the traffic and what the judge says; it fits in both directions. */
export function renderProgress(progress: Progress, frame: Frame): readonly string[] {
  const paint = painter(frame.hasColor)
  const { title, state, steps, weight, judge, logLine } = progress
  const total = seconds(progress.startedAtMs, frame.nowMs)
  const lines: Line[] = [{ text: `${title} · ${state} · ${total}`, color: null, importance: importance.title }]
  for (const step of steps) {
    const rank = step.state === 'done' ? importance.finished : importance.current
    lines.push({ text: stepLine(step, frame), color: stepColor(step), importance: rank })
  }
  if (logLine !== null && logLine !== '') {
    lines.push({ text: `  │ ${logLine}`, color: 'dim', importance: importance.log })
  }
  if (weight !== null) lines.push({ text: `  ${trafficBar(weight)}`, color: 'cyan', importance: importance.traffic })
  if (judge !== null) {
    lines.push({ text: `  judge: ${judge.action}: ${judge.reason}`, color: null, importance: importance.judge })
  }
  return fitting(lines, frame.lines).map(({ text, color }) => paint(cut(oneLine(text), frame.columns), color))
}

/** Of equal importance the later ones are kept: of the steps that are done, the last. */
function fitting(lines: readonly Line[], room: number): readonly Line[] {
  const ranked = [...lines.keys()].sort((a, b) => (lines[b]?.importance ?? 0) - (lines[a]?.importance ?? 0) || b - a)
  const kept = new Set(ranked.slice(0, room))
  return lines.filter((_line, index) => kept.has(index))
}

/** Whatever text comes from outside: nothing in it may move the cursor. */
function oneLine(text: string): string {
  return stripVTControlCharacters(text).replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ')
}

export function trafficBar(weight: number): string {
  const full = Math.round(weight * BAR)
  return `[${'█'.repeat(full)}${'░'.repeat(BAR - full)}] ${percent(weight)} on the new release`
}

function stepLine({ name, state, detail, startedAtMs, endedAtMs }: ProgressStep, { nowMs, turn }: Frame): string {
  const mark = { running: spinner[turn % spinner.length] ?? '·', done: '✓', failed: '✗' }[state]
  const told = detail === null ? '' : `  ${detail}`
  return `${mark} ${name}${' '.repeat(Math.max(0, NAME - displayWidth(name)))} ${seconds(startedAtMs, endedAtMs ?? nowMs).padStart(9)}${told}`
}

function stepColor({ state }: ProgressStep): keyof typeof colors | null {
  return { running: 'cyan', done: 'green', failed: 'red' }[state] as keyof typeof colors
}

function seconds(fromMs: number, toMs: number): string {
  return duration(Math.max(0, toMs - fromMs) / 1000)
}

function painter(hasColor: boolean): (text: string, color: keyof typeof colors | null) => string {
  return (text, color) => (hasColor && color !== null ? `\u001b[${colors[color]}m${text}\u001b[0m` : text)
}
