import { closeDatabase } from './database.ts'

const streams = new Set<() => void>()
let stopping = false

/** True from SIGTERM on: the health check says so, and open streams end, so that their readers move on. */
export function isStopping(): boolean {
  return stopping
}

/** Called once when the process is told to stop; returns how to forget it. */
export function onStop(end: () => void): () => void {
  streams.add(end)
  return () => streams.delete(end)
}

export function watchSignals(): void {
  const stop = () => {
    stopping = true
    for (const end of [...streams]) end()
    streams.clear()
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
  // Emitted by the server after its last request: only now nobody needs the database.
  process.once('sveltekit:shutdown', () => void closeDatabase())
}
