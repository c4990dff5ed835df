import { expect, test } from 'vitest'
import { markdownTable, plainTable } from './table.ts'

const table = {
  title: 'Edges',
  columns: ['edge', 'requests/s', 'p99 ms'],
  rows: [
    ['node', 12345, 1.234],
    ['a|b', 7, null],
  ],
}

test('a table for the terminal is aligned, numbers to the right', () => {
  expect(plainTable(table)).toMatchInlineSnapshot(`
    "Edges
    edge  requests/s  p99 ms
    ----  ----------  ------
    node      12,345    1.23
    a|b            7       -"
  `)
})

test('a table for the manual is Markdown', () => {
  expect(markdownTable(table)).toMatchInlineSnapshot(`
    "**Edges**

    | edge | requests/s | p99 ms |
    |---|---:|---:|
    | node | 12,345 | 1.23 |
    | a\\|b | 7 | - |"
  `)
})
