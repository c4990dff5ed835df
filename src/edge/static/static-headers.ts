import type { Stats } from 'node:fs'
import { extname } from 'node:path'
import { lookup } from 'mrmime'

export type HeaderOf = (name: string) => string | undefined

export interface ByteRange {
  readonly start: number
  /** Inclusive. */
  readonly end: number
}

export function contentTypeOf(file: string): string {
  const type = lookup(extname(file)) ?? 'application/octet-stream'
  return type.startsWith('text/') || type === 'application/json' || type.endsWith('javascript')
    ? `${type};charset=utf-8`
    : type
}

/** Size and time make the tag, the encoding a part of it: two encodings of one file are two representations. */
export function etagOf(stats: Stats, encoding: string | null): string {
  return `"${stats.size.toString(36)}-${Math.floor(stats.mtimeMs).toString(36)}${encoding === null ? '' : `-${encoding}`}"`
}

/** True when the client has this representation already. */
export function isFresh(header: HeaderOf, etag: string, modified: Date): boolean {
  const match = header('if-none-match')
  if (match !== undefined) {
    return match === '*' || match.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag)
  }
  const since = Date.parse(header('if-modified-since') ?? '')
  return !Number.isNaN(since) && Math.floor(modified.getTime() / 1000) * 1000 <= since
}

/** The one range that is asked for; null: send all; 'unsatisfiable': 416. Several ranges are answered with all. */
export function rangeOf(
  header: HeaderOf,
  size: number,
  etag: string,
  modified: Date,
): ByteRange | null | 'unsatisfiable' {
  const found = /^bytes=(\d*)-(\d*)$/.exec(header('range') ?? '')
  if (found === null || (found[1] === '' && found[2] === '')) return null
  const condition = header('if-range')
  if (
    condition !== undefined &&
    condition !== etag &&
    Date.parse(condition) !== Math.floor(modified.getTime() / 1000) * 1000
  ) {
    return null
  }
  const [, first = '', last = ''] = found
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first)
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1)
  return start > end || start >= size ? 'unsatisfiable' : { start, end }
}

/** Encodings with a precompressed file that the client takes, best first. */
export function encodingsOf(header: HeaderOf): readonly ('br' | 'gzip')[] {
  const accepted = header('accept-encoding') ?? ''
  const takes = (name: string) =>
    accepted.split(',').some((part) => {
      const [token = '', ...parameters] = part.trim().split(';')
      return token.trim() === name && !parameters.some((parameter) => /^\s*q=0(\.0+)?\s*$/.test(parameter))
    })
  return (['br', 'gzip'] as const).filter(takes)
}

export const IMMUTABLE = 'public,max-age=31536000,immutable'
