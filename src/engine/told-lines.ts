import type { EngineContext } from './context.ts'

const FLUSH_MS = 200
const FLUSH_LINES = 100

export interface ToldLines {
  add(line: string): void
  /** To be called once, at the end: resolves when all lines were told. */
  flush(): Promise<void>
}

/** Output of the user's commands as events: a few lines at a time, so that a chatty one does not flood the stream. */
export function toldLines(context: EngineContext, deployment: string, source: 'build' | 'release'): ToldLines {
  let pending: string[] = []
  let told: Promise<unknown> = Promise.resolve()
  const flush = () => {
    const lines = pending
    pending = []
    if (lines.length > 0) {
      told = told.then(() => context.journal.tell(deployment, 'deployment.log', { source, lines })).catch(() => {})
    }
    return told.then(() => {})
  }
  const timer = setInterval(() => void flush(), FLUSH_MS)
  return {
    add: (line) => {
      pending.push(line)
      if (pending.length >= FLUSH_LINES) void flush()
    },
    flush: () => {
      clearInterval(timer)
      return flush()
    },
  }
}
