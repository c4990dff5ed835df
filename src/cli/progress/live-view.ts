import { type Progress, progressAfter, startProgress } from './progress.ts'
import { renderProgress } from './render.ts'
import type { Terminal, View } from './view.ts'

/** Eight pictures a second are enough for an eye. */
const FRAME_MS = 125
const HIDE_CURSOR = '\u001b[?25l'
const SHOW_CURSOR = '\u001b[?25h'
const CLEAR_BELOW = '\u001b[0J'

/** A picture of the deployment that is drawn again in its place. */
export function liveView(title: string, terminal: Terminal): View {
  let progress: Progress = startProgress(title, Date.now())
  let drawn = 0
  let turn = 0
  let isClosed = false

  const erase = () => (drawn === 0 ? '' : `\u001b[${drawn}A\r${CLEAR_BELOW}`)
  const draw = () => {
    const { hasColor } = terminal
    const lines = renderProgress(progress, { columns: terminal.columns(), nowMs: Date.now(), hasColor, turn: turn++ })
    terminal.write(`${erase()}${lines.join('\n')}\n`)
    drawn = lines.length
  }
  terminal.write(HIDE_CURSOR)
  const timer = setInterval(draw, FRAME_MS)

  return {
    show: (event) => {
      progress = progressAfter(progress, event)
    },
    note: (text) => {
      terminal.write(`${erase()}${text}\n`)
      drawn = 0
      draw()
    },
    close: () => {
      if (isClosed) return
      isClosed = true
      clearInterval(timer)
      draw()
      terminal.write(SHOW_CURSOR)
    },
  }
}
