import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { commands } from './commands/index.ts'
import { cliManual } from './docs.ts'

test('the manual in the repository is the one of the commands', () => {
  const manual = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'cli.md'), 'utf8')
  expect(manual).toBe(cliManual(commands))
})

test('every command names itself once and has a handler', async () => {
  expect(new Set(commands.map(({ name }) => name)).size).toBe(commands.length)
  for (const command of commands) expect(await command.load(), command.name).toBeTypeOf('function')
})
