import { expect, test } from 'vitest'
import { temporaryFolder } from '../testing/temporary-folder.ts'
import { safeConfigForm } from './compiled-by-project.ts'
import { openProjectFolder } from './project-folder.ts'

async function formFor(files: Readonly<Record<string, object | string>>): Promise<string> {
  const texts = Object.entries(files).map(([name, value]) => [
    name,
    typeof value === 'string' ? value : JSON.stringify(value),
  ])
  return safeConfigForm(await openProjectFolder(await temporaryFolder(Object.fromEntries(texts))))
}

test('a compiler that takes in everything gets no TypeScript from us', async () => {
  expect(await formFor({ 'tsconfig.json': { compilerOptions: { rootDir: './src' }, exclude: ['node_modules'] } })).toBe(
    'mjs',
  )
  expect(await formFor({ 'tsconfig.json': { include: ['**/*.ts', '**/*.tsx'] } })).toBe('mjs')
  expect(await formFor({ 'tsconfig.json': { include: ['./'] } })).toBe('mjs')
  expect(await formFor({ 'tsconfig.json': { include: ['*.config.ts', 'src'] } })).toBe('mjs')
})

test('a compiler that takes in JavaScript too gets JSON', async () => {
  expect(await formFor({ 'tsconfig.json': { compilerOptions: { allowJs: true } } })).toBe('json')
  const next = { compilerOptions: { allowJs: true }, include: ['next-env.d.ts', '**/*.ts', '**/*.tsx'] }
  expect(await formFor({ 'tsconfig.json': next })).toBe('mjs')
})

test('a compiler that looks into folders of its own leaves TypeScript alone', async () => {
  expect(await formFor({})).toBe('ts')
  expect(await formFor({ 'tsconfig.json': { include: ['src'] } })).toBe('ts')
  expect(await formFor({ 'tsconfig.json': { include: ['src/**/*', 'types/**/*.d.ts'] } })).toBe('ts')
  expect(await formFor({ 'tsconfig.json': { files: [], references: [{ path: './tsconfig.app.json' }] } })).toBe('ts')
  expect(await formFor({ 'tsconfig.json': { exclude: ['*.config.ts'] } })).toBe('ts')
})

test('comments, trailing commas and files above count', async () => {
  const text = `{\n  // "include": ["**/*"],\n  "extends": "./base/tsconfig",\n  "compilerOptions": { "paths": { "/*": ["x"], }, },\n}`
  expect(await formFor({ 'tsconfig.json': text, 'base/tsconfig.json': { include: ['../src'] } })).toBe('ts')
  expect(await formFor({ 'tsconfig.json': text, 'base/tsconfig.json': { include: ['../**/*'] } })).toBe('mjs')
  expect(await formFor({ 'tsconfig.json': '{ "include": [' })).toBe('ts')
})
