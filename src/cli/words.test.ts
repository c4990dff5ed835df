import { expect, test } from 'vitest'
import { columns, readable } from './words.ts'

test('what would command a terminal is told, not done', () => {
  expect(readable('one\n\ttwo')).toBe('one\n\ttwo')
  expect(readable('a\u001b[31mred\u001b[0m\u0007 \u001b]0;title\u0007b\rc\u009bd')).not.toMatch(/[^\P{Cc}\n\t]/u)
  expect(
    columns([
      ['\u001b[1mx\u001b[0m', 'y'],
      ['long', 'z'],
    ]),
  ).toBe('x     y\nlong  z')
  expect(
    columns([
      ['日本', 'y'],
      ['abc', 'z'],
    ]),
  ).toBe('日本  y\nabc   z')
})
