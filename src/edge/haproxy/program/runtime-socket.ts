import { connect } from 'node:net'
import { SluiceError } from '../../../model/error.ts'
import { shortPath } from '../layout.ts'

const DEFAULT_TIMEOUT_MS = 3000
/** HAProxy takes one line as long as its buffer (16 kB at least). */
const MAX_LINE_BYTES = 12_000
/** It answers errors with status text only; every command that we send is silent or known when it succeeds. */
const FAILURE =
  /\b(?:no such|unknown|can't find|not found|require|invalid|malformed|missing|permission denied|failed|must be|unable|cannot)\b/i

/** Sends one line to HAProxy's runtime socket and returns all of the answer. Throws `EDGE_UNREACHABLE`. */
export function ask(path: string, line: string, timeoutMs = DEFAULT_TIMEOUT_MS): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    const socket = connect(shortPath(path))
    const timer = setTimeout(() => socket.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
    socket.on('connect', () => socket.write(`${line}\n`))
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('error', (cause) => {
      clearTimeout(timer)
      reject(new SluiceError('EDGE_UNREACHABLE', `HAProxy does not answer: ${cause.message}`, { cause }))
    })
    socket.on('close', () => {
      clearTimeout(timer)
      resolve(Buffer.concat(chunks).toString('latin1'))
    })
  })
}

/** Runs commands in order, as many on one connection as fit; the first one that HAProxy refuses is thrown. */
export async function command(path: string, commands: readonly string[]): Promise<void> {
  let line: string[] = []
  let bytes = 0
  const send = async () => {
    if (line.length === 0) return
    const answer = await ask(path, line.join('; '))
    const refused = answer.split('\n').find((text) => FAILURE.test(text))
    if (refused !== undefined) {
      throw new SluiceError('UNEXPECTED', `HAProxy refused: ${refused.trim()}`, { details: { commands: line } })
    }
    line = []
    bytes = 0
  }
  for (const each of commands) {
    if (bytes + each.length + 2 > MAX_LINE_BYTES) await send()
    line.push(each)
    bytes += Buffer.byteLength(each) + 2
  }
  await send()
}

/** The command line ends words at spaces and commands at semicolons. */
export function escaped(word: string): string {
  return word.replace(/[\\ ;]/g, '\\$&')
}

export type Row = Readonly<Record<string, string>>

/** Lines of `show stat`. */
export function parseStat(text: string): Row[] {
  const [head = '', ...lines] = text.split('\n')
  const names = head.replace(/^# /, '').split(',')
  return lines
    .filter((line) => line.includes(','))
    .map((line) => Object.fromEntries(cellsOf(line).map((value, column) => [names[column] ?? '', value])))
}

/** The text of the last check is quoted and may hold commas. */
function cellsOf(line: string): string[] {
  const cells: string[] = []
  let at = 0
  while (at <= line.length) {
    if (line[at] === '"') {
      const end = line.indexOf('"', at + 1)
      cells.push(line.slice(at + 1, end < 0 ? undefined : end))
      at = end < 0 ? line.length + 1 : end + 2
      continue
    }
    const end = line.indexOf(',', at)
    cells.push(line.slice(at, end < 0 ? undefined : end))
    if (end < 0) break
    at = end + 1
  }
  return cells
}

/** Keys of `show table` with their counters. */
export function parseTable(text: string): Map<string, Row> {
  const entries = new Map<string, Row>()
  for (const line of text.split('\n')) {
    const key = /\bkey=(\S+)/.exec(line)?.[1]
    if (key === undefined) continue
    const row: Record<string, string> = {}
    for (const [, name = '', value = ''] of line.matchAll(/\b(\w+)=(\S+)/g)) row[name] = value
    entries.set(key, row)
  }
  return entries
}
