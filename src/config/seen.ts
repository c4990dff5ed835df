import { maskConnectionString, maskText } from '../secrets/credentials.ts'
import { shownVariable } from '../secrets/shown.ts'
import { isRecord, type Path } from './path.ts'

const LONGEST = 60

/** What was found at a path, short, on one line, without secrets. */
export function seenAt(path: Path, value: unknown): string {
  if (value === undefined) return 'nothing'
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list of ${value.length}`
  if (isRecord(value)) {
    const keys = Object.keys(value)
    return keys.length === 0 ? 'an empty object' : shorten(`an object with ${keys.join(', ')}`)
  }
  if (typeof value !== 'string')
    return shorten(typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? typeof value))
  return JSON.stringify(shorten(mask(path, value)))
}

function mask(path: Path, value: string): string {
  if (path.at(-2) === 'env') return shownVariable(String(path.at(-1)), value)
  const isAddress = path.at(-2) === 'database' && path.at(-1) === 'url'
  return isAddress ? maskConnectionString(value) : maskText(value)
}

function shorten(text: string): string {
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST - 1)}…`
}
