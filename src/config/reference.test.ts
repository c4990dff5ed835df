import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { referenceKeys, withReferenceTables } from './reference.ts'

const file = join(import.meta.dirname, '..', '..', 'docs', 'configuration.md')

test('docs/configuration.md has every key as the schema has it', () => {
  const page = readFileSync(file, 'utf8')
  expect(page, 'run `npm run generate`').toBe(withReferenceTables(page))
})

test('every key is explained, and says what holds without it', () => {
  for (const key of referenceKeys()) {
    expect(key.description, key.path).toMatch(/\.$/)
    expect(key.isRequired || key.fallback !== '', key.path).toBe(true)
  }
})
