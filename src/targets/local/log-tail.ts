import { open } from 'node:fs/promises'
import { rotatedFile } from './log-rotation.ts'

/** Longer lines are cut: one line must fill neither a terminal nor our memory. */
export const MAX_LINE_CHARS = 8192
/** However long the lines are, no more than this is read from the end of a log. */
const MAX_TAIL_BYTES = 1024 * 1024

/** The last lines of a log, those of the file before it included when it was just rotated. Missing files are empty. */
export async function tailOf(log: string, lines: number, maxChars = MAX_LINE_CHARS): Promise<readonly string[]> {
  if (lines <= 0) return []
  const now = await endOf(log)
  const found = lastLines(now, lines)
  if (found.length >= lines || now.length >= MAX_TAIL_BYTES) return found.map((line) => cutLine(line, maxChars))
  const before = await endOf(rotatedFile(log, 1))
  return lastLines(before + now, lines).map((line) => cutLine(line, maxChars))
}

export function cutLine(line: string, maxChars = MAX_LINE_CHARS, length = line.length): string {
  return length <= maxChars ? line : `${line.slice(0, maxChars)}… (cut: ${length} characters)`
}

function lastLines(text: string, lines: number): readonly string[] {
  const all = text.split('\n')
  if (all.at(-1) === '') all.pop()
  return all.slice(-lines)
}

async function endOf(file: string): Promise<string> {
  const handle = await open(file, 'r').catch(() => null)
  if (handle === null) return ''
  try {
    const { size } = await handle.stat()
    const length = Math.min(size, MAX_TAIL_BYTES)
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, size - length)
    return buffer.toString('utf8', 0, bytesRead)
  } finally {
    await handle.close()
  }
}
