import { expect, test } from 'vitest'
import { exportsOf, filesBelow, importsOf, isTest, textOf } from './source-files.ts'

const files = ['src', 'e2e', 'bench', 'scripts'].flatMap(filesBelow)

/** What others get of us from outside of the repository, and what is imported by a name that is put together. */
const entries = ['src/config/public.ts', 'src/judge/index.ts']
const isEntry = (file: string) => entries.includes(file) || /^bench\/[\w-]+\/bench\.ts$/.test(file)

/** Names that others import of each file; null: all of them. */
const imported = new Map<string, Set<string> | null>()
for (const file of files) {
  for (const { to, names } of importsOf(file)) {
    const known = imported.get(to)
    if (known === null) continue
    imported.set(to, names === null ? null : new Set([...(known ?? []), ...names]))
  }
}

/** A type may be exported for the signature that it belongs to. */
function isTypeOfASignature(file: string, name: string): boolean {
  const text = textOf(file)
  const isType = new RegExp(`^export (?:interface|type) ${name}\\b`, 'm').test(text)
  return isType && text.split(new RegExp(`\\b${name}\\b`)).length > 2
}

/** Made for what is being built on it. */
const foreseen = ['areInEachOthersWay of src/model/activity.ts', 'findActivity of src/store/activities.ts']

test('what is exported is imported somewhere', () => {
  const unused = files
    .filter((file) => !isEntry(file) && !isTest(file) && imported.get(file) !== null)
    .flatMap((file) => {
      const taken = imported.get(file) ?? new Set()
      return exportsOf(file)
        .filter((name) => !taken.has(name) && !isTypeOfASignature(file, name))
        .map((name) => `${name} of ${file}`)
    })
  expect(unused.filter((each) => !foreseen.includes(each))).toEqual([])
})

test('every error code is given by something', () => {
  const codes = [...textOf('src/model/error.ts').matchAll(/^ {2}([A-Z][A-Z_]+): /gm)].map(([, code = '']) => code)
  expect(codes.length).toBeGreaterThan(30)
  const sources = files.filter((file) => file.startsWith('src/') && !isTest(file) && file !== 'src/model/error.ts')
  const text = sources.map(textOf).join('\n')
  expect(codes.filter((code) => !new RegExp(`['"]${code}['"]`).test(text))).toEqual([])
})
