export type Cell = string | number | null

export interface Table {
  readonly title?: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly Cell[])[]
}

/** Aligned for a terminal: numbers to the right, text to the left. */
export function plainTable(table: Table): string {
  const rows = table.rows.map((row) => table.columns.map((_, index) => show(row[index] ?? null)))
  const widths = table.columns.map((column, index) =>
    Math.max(column.length, ...rows.map((row) => (row[index] ?? '').length)),
  )
  const right = numericColumns(table)
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, index) => (right[index] ? cell.padStart(widths[index] ?? 0) : cell.padEnd(widths[index] ?? 0)))
      .join('  ')
      .trimEnd()
  return [
    ...(table.title === undefined ? [] : [table.title]),
    line(table.columns),
    widths.map((width) => '-'.repeat(width)).join('  '),
    ...rows.map(line),
  ].join('\n')
}

/** The same as Markdown, to be pasted into `docs/benchmarks.md`. */
export function markdownTable(table: Table): string {
  const right = numericColumns(table)
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [
    ...(table.title === undefined ? [] : [`**${table.title}**`, '']),
    line(table.columns),
    `|${table.columns.map((_, index) => (right[index] ? '---:' : '---')).join('|')}|`,
    ...table.rows.map((row) => line(table.columns.map((_, index) => show(row[index] ?? null)))),
  ].join('\n')
}

/** Short figures: enough digits to compare, none to pretend. */
export function show(cell: Cell): string {
  if (cell === null) return '-'
  if (typeof cell === 'string') return cell
  if (!Number.isFinite(cell)) return '-'
  if (Number.isInteger(cell)) return cell.toLocaleString('en-US')
  const digits = Math.abs(cell) >= 100 ? 0 : Math.abs(cell) >= 10 ? 1 : 2
  return cell.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

function numericColumns(table: Table): readonly boolean[] {
  return table.columns.map((_, index) => {
    const cells = table.rows.map((row) => row[index] ?? null).filter((cell) => cell !== null)
    return cells.length > 0 && cells.every((cell) => typeof cell === 'number')
  })
}
