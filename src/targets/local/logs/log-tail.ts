import { open } from 'node:fs/promises'
import { cutLine } from '../../../support/lines.ts'
import { rotatedFile } from './log-rotation.ts'

/** Longer lines are cut: one line must fill neither a terminal nor our memory. */
export const MAX_LINE_CHARS = 8192
/** However long the lines are, no more than this is read from the end of a log. */
const MAX_TAIL_BYTES = 1024 * 1024

/** The last lines of a log, those of the file before it included when it was just rotated. Missing files are empty. */
export async function tailOf(log: string, lines: number, maxChars = MAX_LINE_CHARS): Promise<readonly string[]> {
  if (lines <= 0) return []
  const now = await endOf(log)
  const found = lastLines(now.text, lines)
  if (found.length >= lines || !now.isWhole) return found.map((line) => cutLine(line, maxChars))
  const before = await endOf(rotatedFile(log, 1))
  return lastLines(before.text + now.text, lines).map((line) => cutLine(line, maxChars))
}

function lastLines(text: string, lines: number): readonly string[] {
  const all = text.split('\n')
  if (all.at(-1) === '') all.pop()
  return all.slice(-lines)
}

async function endOf(file: string): Promise<{ readonly text: string; readonly isWhole: boolean }> {
  const handle = await open(file, 'r').catch(() => null)
  if (handle === null) return { text: '', isWhole: true }
  try {
    const { size } = await handle.stat()
    const length = Math.min(size, MAX_TAIL_BYTES)
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, size - length)
    const text = buffer.toString('utf8', 0, bytesRead)
    return length === size ? { text, isWhole: true } : { text: withoutHalfLine(text), isWhole: false }
  } finally {
    await handle.close()
  }
}

/** The first line began before what was read: half of it could be half of a secret, which nobody would know. */
function withoutHalfLine(text: string): string {
  const end = text.indexOf('\n')
  return end === -1 || end === text.length - 1 ? '… (a line longer than 1 MB)' : text.slice(end + 1)
}
