import { appendFile, readFile, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { LoggedBatch } from './sample-log.ts'

/**
 * The sample log on disk, so that it outlives the edge process: lines are appended every few seconds to one file,
 * which becomes the previous one after an hour. Both together hold at least the last hour.
 */
export interface SampleArchive {
  add(batches: readonly LoggedBatch[]): void
  /** Writes what was added; a failure (disk full) loses only history, so it is reported and not thrown. */
  write(): Promise<void>
  /** Oldest first; damaged lines are skipped. */
  read(): Promise<LoggedBatch[]>
}

export interface SampleArchiveOptions {
  readonly directory: string
  readonly keepMs?: number
  readonly maxBytes?: number
  readonly now?: () => number
  readonly onProblem?: (error: unknown) => void
}

export function sampleArchive(options: SampleArchiveOptions): SampleArchive {
  const { directory, keepMs = 65 * 60_000, maxBytes = 64 * 1024 * 1024, now = Date.now, onProblem = () => {} } = options
  const file = join(directory, 'samples.ndjson')
  const previous = join(directory, 'samples.previous.ndjson')
  let pending: LoggedBatch[] = []
  let writing: Promise<void> = Promise.resolve()

  async function writeNow(): Promise<void> {
    const batches = pending
    if (batches.length === 0) return
    pending = []
    try {
      const known = await stat(file).catch(() => null)
      if (known !== null && (now() - known.birthtimeMs > keepMs || known.size > maxBytes / 2))
        await rename(file, previous)
      await appendFile(file, `${batches.map(lineOf).join('\n')}\n`, { mode: 0o600 })
    } catch (error) {
      onProblem(error)
    }
  }

  return {
    add(batches) {
      for (const batch of batches) pending.push(batch)
    },
    write() {
      writing = writing.then(writeNow)
      return writing
    },
    async read() {
      const batches: LoggedBatch[] = []
      for (const part of [previous, file]) {
        const text = await readFile(part, 'utf8').catch(() => '')
        for (const line of text.split('\n')) {
          const batch = batchOf(line)
          if (batch !== null && now() - batch.position < 2 * keepMs) batches.push(batch)
        }
      }
      return batches
    },
  }
}

function lineOf({ environment, position, samples }: LoggedBatch): string {
  return `{"environment":${JSON.stringify(environment)},"position":${position},"samples":${samples}}`
}

function batchOf(line: string): LoggedBatch | null {
  try {
    const { environment, position, samples } = JSON.parse(line)
    return { environment, position, samples: JSON.stringify(samples) }
  } catch {
    return null
  }
}
