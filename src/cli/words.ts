import { stripVTControlCharacters } from 'node:util'
import { durationPattern, durationMs as millisecondsOf } from '../config/units.ts'
import { SluiceError } from '../model/error.ts'
import { displayWidth } from './progress/width.ts'

export function duration(seconds: number): string {
  if (seconds < 100) return `${seconds.toFixed(1)} s`
  const minutes = Math.floor(seconds / 60)
  return `${minutes} min ${Math.round(seconds - minutes * 60)} s`
}

export function percent(share: number): string {
  const value = share * 100
  return `${value >= 10 || value === 0 ? Math.round(value) : value.toFixed(1)} %`
}

/** `shop.production` is the production of shop; a project's name may hold dots, an environment's does not. */
export function partsOf(key: string): { readonly project: string; readonly name: string } {
  const point = key.lastIndexOf('.')
  return { project: key.slice(0, Math.max(0, point)), name: key.slice(point + 1) }
}

/** Milliseconds of a flag's duration, written as in the configuration. */
export function durationMs(text: string, flag: string): number {
  if (!durationPattern.test(text)) {
    throw new SluiceError('USAGE', `${flag} ${text} is no duration`, { hint: 'write 90s, 10m or 1h30m' })
  }
  return millisecondsOf(text)
}

/** Subjects of commits and lines of logs may hold what commands a terminal: it is told, not done. */
export function readable(text: string): string {
  return stripVTControlCharacters(text).replaceAll(/[^\P{Cc}\n\t]/gu, ' ')
}

/** Columns as wide as they must be. */
export function columns(given: readonly (readonly string[])[]): string {
  const rows = given.map((row) => row.map(readable))
  const widths = rows.reduce<number[]>(
    (all, row) => row.map((cell, index) => Math.max(all[index] ?? 0, displayWidth(cell))),
    [],
  )
  return rows
    .map((row) =>
      row
        .map((cell, index) => cell + ' '.repeat((widths[index] ?? 0) - displayWidth(cell)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
