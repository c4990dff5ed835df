import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { SluiceError } from '../model/error.ts'
import type { Context } from './command.ts'
import { forEnvironment, forOwnEnvironment } from './project.ts'

async function folder(text: string): Promise<Context> {
  const cwd = await mkdtemp(join(tmpdir(), 'sluice-project-'))
  onTestFinished(() => rm(cwd, { recursive: true }))
  await writeFile(join(cwd, 'sluice.config.json'), text)
  return { cwd, interrupted: new AbortController().signal, say: () => {} } as Partial<Context> as Context
}
const shop = JSON.stringify({ project: 'shop', services: { web: { start: 'x' } }, environments: { production: {} } })
const ambiguous = new SluiceError('ENVIRONMENT_UNKNOWN', '2 projects have an environment production')
const amongTwo = (name: string) => (name === 'shop.production' ? Promise.resolve(name) : Promise.reject(ambiguous))

test('a name that several projects have means the environment of this folder’s project', async () => {
  expect(await forEnvironment(await folder(shop), 'production', amongTwo)).toBe('shop.production')
})

test('where this folder does not help, what was said of the name stays', async () => {
  const other = shop.replace('shop', 'other')
  await expect(forEnvironment(await folder(other), 'production', amongTwo)).rejects.toBe(ambiguous)
  await expect(forEnvironment(await folder('{ broken'), 'production', amongTwo)).rejects.toBe(ambiguous)
})

test('a call that works, or fails for another reason, never needs a configuration', async () => {
  const context = await folder('{ broken')
  expect(await forEnvironment(context, 'production', (name) => Promise.resolve(name))).toBe('production')
  const refused = new SluiceError('NOT_FOUND', 'no release')
  await expect(forEnvironment(context, 'production', () => Promise.reject(refused))).rejects.toBe(refused)
})

test('a short name changes no environment of another project from within this folder', async () => {
  const there = (...keys: string[]) =>
    [
      async (name: string) => keys.find((key) => key === name || key.endsWith(`.${name}`)) ?? Promise.reject(unknown),
      async (name: string) => keys.find((key) => key === name || key.endsWith(`.${name}`)) ?? Promise.reject(unknown),
    ] as const
  const unknown = new SluiceError('ENVIRONMENT_UNKNOWN', 'there is none')
  const own = await folder(shop)
  expect(await forOwnEnvironment(own, 'production', ...there('shop.production', 'books.production'))).toBe(
    'shop.production',
  )
  await expect(forOwnEnvironment(own, 'production', ...there('books.production'))).rejects.toMatchObject({
    code: 'ENVIRONMENT_UNKNOWN',
    hint: expect.stringContaining('books.production'),
  })
  expect(await forOwnEnvironment(own, 'books.production', ...there('books.production'))).toBe('books.production')
  await expect(forOwnEnvironment(own, 'production', ...there())).rejects.toBe(unknown)
  // What cannot be read says nothing against it.
  const broken = await folder('{ broken')
  expect(await forOwnEnvironment(broken, 'production', ...there('books.production'))).toBe('books.production')
  // Said twice: only loading it tells.
  const twice = await folder(shop.replace('"services"', '"$schema": "project: shop", "services"'))
  await expect(forOwnEnvironment(twice, 'production', ...there('books.production'))).rejects.toMatchObject({
    code: 'ENVIRONMENT_UNKNOWN',
  })
})
