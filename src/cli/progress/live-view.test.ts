import { expect, test } from 'vitest'
import type { Event } from '../../model/event.ts'
import { Screen } from '../testing/screen.ts'
import { liveView } from './live-view.ts'
import { cut, displayWidth } from './width.ts'

const event = (type: Event['type'], data: Event['data']): Event => ({
  sequence: 1,
  activity: 'd1',
  at: new Date().toISOString(),
  type,
  environment: 'shop.production',
  deployment: 'd7',
  data,
})
const step = (name: string, state: string, detail?: string) => event('deployment.step', { name, state, detail })

function viewOn(screen: Screen) {
  let diverted: ((line: string) => void) | null = null
  let redraw = () => {}
  const view = liveView('d7 shop.production', {
    write: (text) => screen.write(text),
    columns: () => screen.columns,
    rows: () => screen.rows,
    onResize: (listener) => {
      redraw = listener
      return () => {
        redraw = () => {}
      }
    },
    divert: (to) => {
      diverted = to
    },
    hasColor: false,
  })
  return {
    view,
    draw: () => redraw(),
    resize: (columns: number, rows: number) => {
      screen.resize(columns, rows)
      redraw()
    },
    say: (line: string) => diverted?.(line),
    isDiverted: () => diverted !== null,
  }
}

const titles = (lines: readonly string[]) => lines.filter((line) => line.includes('d7 shop.production'))

test('more steps than rows: what happens now stays in sight, nothing is drawn twice, and the last picture is whole', () => {
  const screen = new Screen(60, 6)
  const { view, draw } = viewOn(screen)
  for (let index = 1; index <= 12; index++) view.show(step(`done ${index}`, 'done'))
  view.show(step('ramp', 'running'))
  view.show(event('deployment.weight', { weight: 0.25 }))
  view.show(event('deployment.judge', { action: 'ramp', reason: 'nothing failed' }))
  for (let turn = 0; turn < 5; turn++) draw()
  expect(screen.scrolledAway).toEqual([])
  expect(screen.text).toHaveLength(5)
  expect(titles(screen.text)).toHaveLength(1)
  expect(screen.text.slice(1).map((line) => line.slice(0, 10))).toEqual([
    expect.stringContaining('done 12'),
    expect.stringContaining('ramp'),
    expect.stringContaining('[██'),
    expect.stringContaining('judge'),
  ])
  view.close()
  const all = [...screen.scrolledAway, ...screen.text]
  expect(titles(all)).toHaveLength(1)
  expect(all.filter((line) => /✓ done \d+ /.test(line))).toHaveLength(12)
  expect(screen.isCursorShown).toBe(true)
})

test('a window that becomes narrower, wider, lower and higher shows one picture', () => {
  const screen = new Screen(80, 20)
  screen.write('what was there before\n')
  const { view, resize } = viewOn(screen)
  for (let index = 1; index <= 4; index++) view.show(step(`step ${index}`, 'done', `a long detail ${'x'.repeat(30)}`))
  for (const [columns, rows] of [
    [80, 20],
    [30, 20],
    [14, 20],
    [90, 20],
    [90, 5],
    [90, 24],
  ] as const) {
    resize(columns, rows)
    expect(
      screen.text.filter((line) => line.startsWith('d7 ')),
      `${columns} × ${rows}`,
    ).toHaveLength(1)
  }
  expect([...screen.scrolledAway, ...screen.text].join('')).toContain('what was there before')
  view.close()
})

test('wide characters are cut where they end on the screen', () => {
  const screen = new Screen(40, 10)
  const { view, draw } = viewOn(screen)
  view.show(step('构建', 'done', '部署到生产环境的新版本已经准备好了，请稍候 🚀🚀🚀🚀🚀🚀'))
  view.show(
    event('deployment.log', {
      lines: ['👩‍💻🇩🇪 日本語のとても長いログの行がここにあります、まだ続きます\u001b[2J\n\u001b[9A'],
    }),
  )
  for (let turn = 0; turn < 4; turn++) draw()
  expect(screen.text).toHaveLength(3)
  view.close()
  expect(titles([...screen.scrolledAway, ...screen.text])).toHaveLength(1)
})

test('what others say meanwhile stands above the picture', () => {
  const screen = new Screen(60, 10)
  const { view, say, isDiverted } = viewOn(screen)
  view.show(step('launch', 'running'))
  say('starting the control plane …')
  view.close()
  expect(screen.text[0]).toBe('starting the control plane …')
  expect(titles(screen.text)).toHaveLength(1)
  expect(isDiverted()).toBe(false)
})

test('a width counts columns, not characters', () => {
  expect(
    ['abc', 'é', 'e\u0301', '日本', 'ｱ', 'Ａ', '🚀', '👩‍💻', '🇩🇪', '✓', '⠋', '❤️', '한글', '\u200b'].map(displayWidth),
  ).toEqual([3, 1, 1, 4, 1, 2, 2, 2, 2, 1, 1, 2, 4, 0])
  expect(cut('日本語', 20)).toBe('日本語')
  expect(cut('日本語', 6)).toBe('日本…')
  expect(cut('日本語', 5)).toBe('日…')
  expect(cut('abc', 1)).toBe('…')
})
