import { stripVTControlCharacters } from 'node:util'
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

/** `90s`, `10m`, `2h` in milliseconds. */
export function durationMs(text: string, flag: string): number {
  const [, number, unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text) ?? []
  if (number === undefined) {
    throw new SluiceError('USAGE', `${flag} ${text} is no duration`, { hint: 'write 90s, 10m or 2h' })
  }
  return Number(number) * { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[unit as 'ms' | 's' | 'm' | 'h']
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
