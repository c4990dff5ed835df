import { stripVTControlCharacters } from 'node:util'
import { expect, test } from 'vitest'
import type { Event } from '../../model/event.ts'
import { lineTeller } from './line-view.ts'
import { liveView } from './live-view.ts'
import { progressAfter, startProgress } from './progress.ts'
import { renderProgress } from './render.ts'

const BEGIN = Date.parse('2026-01-01T00:00:00.000Z')
const event = (second: number, type: Event['type'], data: Event['data']): Event => ({
  sequence: second,
  activity: 'd1',
  at: new Date(BEGIN + second * 1000).toISOString(),
  type,
  environment: 'shop.production',
  deployment: 'd7',
  data,
})
const story = [
  event(0, 'deployment.state', { state: 'preparing' }),
  event(0, 'deployment.step', { name: 'build', state: 'running' }),
  event(1, 'deployment.log', { lines: ['one', 'two'] }),
  event(4, 'deployment.step', { name: 'build', state: 'done', detail: '0123abcd in 4.0 s' }),
  event(4, 'deployment.state', { state: 'shifting' }),
  event(4, 'deployment.step', { name: 'ramp', state: 'running' }),
  event(5, 'deployment.weight', { weight: 0.25, why: null }),
  event(6, 'deployment.judge', { action: 'ramp', reason: '0 of 9 failed', elapsedSeconds: 2 }),
]
const progress = story.reduce(progressAfter, startProgress('d7 shop.production', BEGIN))
const frame = { columns: 70, nowMs: BEGIN + 9_500, hasColor: false, turn: 0, lines: 23 }

test('a picture has the steps with their times, the traffic, and what the judge says', () => {
  expect(renderProgress(progress, frame)).toEqual([
    'd7 shop.production · shifting · 9.5 s',
    '✓ build                  4.0 s  0123abcd in 4.0 s',
    '⠋ ramp                   5.5 s',
    '  [██████░░░░░░░░░░░░░░░░░░] 25 % on the new release',
    '  judge: ramp: 0 of 9 failed',
  ])
})

test('while something is built its last line is shown', () => {
  const building = story.slice(0, 3).reduce(progressAfter, startProgress('d7', BEGIN))
  expect(renderProgress(building, frame).at(-1)).toBe('  │ two')
})

test('what a log line would do to the terminal is not done', () => {
  const wild = event(1, 'deployment.log', { lines: ['old\r\u001b[2J\u001b[31mred\u001b[0m\tend\u0007'] })
  expect(
    renderProgress([...story.slice(0, 2), wild].reduce(progressAfter, startProgress('d7', BEGIN)), frame).at(-1),
  ).toBe('  │ red end ')
})

test('no line is wider than the terminal, whatever it is painted with', () => {
  for (const columns of [10, 20, 40]) {
    for (const line of renderProgress(progress, { ...frame, columns }))
      expect(Array.from(line).length).toBeLessThan(columns)
  }
  const plain = renderProgress(progress, { ...frame, hasColor: true }).map(stripVTControlCharacters)
  expect(plain).toEqual(renderProgress(progress, frame))
})

test('a step that runs again after a crash is shown once', () => {
  const again = [event(8, 'deployment.step', { name: 'ramp', state: 'running' })].reduce(progressAfter, progress)
  expect(again.steps.map(({ name }) => name)).toEqual(['build', 'ramp'])
  expect(renderProgress(again, frame)[2]).toBe('⠋ ramp                   5.5 s')
})

test('a live view gives the cursor back, and notes stand above the picture', () => {
  let written = ''
  const view = liveView('d7', {
    write: (text) => (written += text),
    columns: () => 80,
    rows: () => 24,
    onResize: () => () => {},
    divert: () => {},
    hasColor: false,
  })
  for (const one of story) view.show(one)
  view.note('somebody has to decide')
  view.close()
  view.close()
  expect(written.indexOf('somebody has to decide')).toBeLessThan(written.lastIndexOf('✓ build'))
  expect(written.endsWith('\u001b[?25h')).toBe(true)
  expect(written.split('\u001b[?25h')).toHaveLength(2)
})

test('a log gets a line per change: tens of the traffic, and the judge when it says something else', () => {
  const tell = lineTeller(false)
  const weight = (value: number, why: string | null = null) =>
    tell(event(0, 'deployment.weight', { weight: value, why })).length
  const judge = (action: string, elapsedSeconds: number) =>
    tell(event(0, 'deployment.judge', { action, elapsedSeconds, reason: 'why' })).length
  expect([weight(0), weight(0.12), weight(0.15), weight(0.24), weight(0.2, 'doubt'), weight(1)]).toEqual([
    1, 1, 0, 1, 1, 1,
  ])
  expect([judge('ramp', 1), judge('ramp', 5), judge('ramp', 11), judge('retreat', 12)]).toEqual([1, 0, 1, 1])
  expect(tell(event(0, 'deployment.log', { lines: ['x'] }))).toEqual([])
  expect(lineTeller(true)(event(0, 'deployment.log', { lines: ['x'] }))).toEqual(['| x'])
})
