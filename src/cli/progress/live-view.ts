import { stripVTControlCharacters } from 'node:util'
import { type Progress, progressAfter, startProgress } from './progress.ts'
import { renderProgress } from './render.ts'
import type { Terminal, View } from './view.ts'
import { displayWidth } from './width.ts'

/** Eight pictures a second are enough for an eye. */
const FRAME_MS = 125
const HIDE_CURSOR = '\u001b[?25l'
const SHOW_CURSOR = '\u001b[?25h'
const CLEAR_BELOW = '\u001b[0J'

/** A picture of the deployment that is drawn again in its place. */
export function liveView(title: string, terminal: Terminal): View {
  let progress: Progress = startProgress(title, Date.now())
  let drawn: readonly string[] = []
  let turn = 0
  let isClosed = false

  const erase = () => {
    const up = Math.min(rowsOf(drawn, terminal.columns()), terminal.rows() - 1)
    return up > 0 ? `\u001b[${up}A\r${CLEAR_BELOW}` : ''
  }
  const draw = (lines = terminal.rows() - 1) => {
    const { hasColor } = terminal
    const frame = { columns: terminal.columns(), lines, nowMs: Date.now(), hasColor, turn: turn++ }
    const picture = renderProgress(progress, frame)
    terminal.write(`${erase()}${picture.map((line) => `${line}\n`).join('')}`)
    drawn = picture
  }
  const note = (text: string) => {
    terminal.write(`${erase()}${text}\n`)
    drawn = []
    draw()
  }
  terminal.write(HIDE_CURSOR)
  terminal.divert(note)
  const timer = setInterval(() => draw(), FRAME_MS)
  const endResize = terminal.onResize(() => draw())

  return {
    show: (event) => {
      progress = progressAfter(progress, event)
    },
    note,
    close: () => {
      if (isClosed) return
      isClosed = true
      clearInterval(timer)
      endResize()
      terminal.divert(null)
      // Whole: it is never erased again, so it may scroll.
      draw(Number.POSITIVE_INFINITY)
      terminal.write(SHOW_CURSOR)
    },
  }
}

/** Terminals fold what became too wide: a line drawn in a wider window takes several rows of a narrow one. */
function rowsOf(lines: readonly string[], columns: number): number {
  return lines.reduce(
    (rows, line) => rows + Math.max(1, Math.ceil(displayWidth(stripVTControlCharacters(line)) / columns)),
    0,
  )
}
