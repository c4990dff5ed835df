import { relative } from 'node:path'
import { expect, test } from 'vitest'
import { deploymentStates } from '../src/model/deployment.ts'
import { circlesOf, filesBelow, importsOf, isTest, textOf } from './source-files.ts'

/** Which rooms of `src/` a room may import (DESIGN, Layout). Types may also come from the rooms in `typesOf`. */
const rooms: Record<string, { readonly imports: readonly string[]; readonly typesOf?: readonly string[] }> = {
  model: { imports: [] },
  support: { imports: ['model'] },
  judge: { imports: ['model'] },
  strategy: { imports: ['model'] },
  secrets: { imports: ['model', 'support'] },
  postgres: { imports: ['model', 'support'] },
  databases: { imports: ['model', 'support', 'secrets', 'postgres'] },
  build: { imports: ['model', 'support'] },
  edge: { imports: ['model', 'support'] },
  // Of targets only what a configuration may say of them.
  config: { imports: ['model', 'support', 'secrets', 'targets'], typesOf: ['edge'] },
  sources: { imports: ['model', 'support', 'build', 'config'] },
  targets: { imports: ['model', 'support'], typesOf: ['edge'] },
  store: { imports: ['model', 'support'] },
  gates: { imports: ['model', 'support'], typesOf: ['targets'] },
  engine: {
    imports: ['model', 'support', 'store', 'strategy', 'secrets', 'gates'],
    typesOf: ['sources', 'config', 'build', 'judge', 'targets', 'databases'],
  },
  api: { imports: ['model', 'support'], typesOf: ['sources', 'engine', 'config', 'judge', 'targets', 'edge'] },
  cli: {
    imports: ['model', 'support', 'api', 'config', 'build', 'control', 'judge', 'postgres', 'edge', 'sources'],
    typesOf: ['engine', 'store', 'targets'],
  },
  // The one place where implementations are chosen and put together.
  control: {
    imports: [
      'sources',
      'model',
      'support',
      'store',
      'strategy',
      'secrets',
      'postgres',
      'databases',
      'build',
      'edge',
      'targets',
      'judge',
      'engine',
      'api',
      'config',
    ],
  },
}

/** Implementations, and who may name them. */
const implementations: readonly { readonly folder: string; readonly chosenBy: readonly string[] }[] = [
  { folder: 'edge/node', chosenBy: ['control'] },
  { folder: 'edge/haproxy', chosenBy: ['control', 'cli/checks/machine'] },
  { folder: 'targets/local', chosenBy: ['control', 'targets/all-settings'] },
  { folder: 'databases/embedded', chosenBy: ['databases/database-hosts'] },
  { folder: 'databases/url', chosenBy: ['databases/database-hosts'] },
]

const files = filesBelow('src').map((file) => file.slice('src/'.length))
const imports = filesBelow('src')
  .filter((file) => !isTest(file))
  .flatMap(importsOf)
  .map(({ from, to, isType }) => ({ from: relative('src', from), to: relative('src', to), isType }))

test('rooms import only the rooms below them', () => {
  const wrong = imports.filter(({ from, to, isType }) => {
    const [room = '', other = ''] = [from.split('/')[0], to.split('/')[0]]
    if (room === other || to.startsWith('..')) return false
    const rule = rooms[room]
    return !(rule?.imports.includes(other) || (isType && rule?.typesOf?.includes(other)))
  })
  expect(wrong.map(({ from, to }) => `${from} imports ${to}`)).toEqual([])
})

/**
 * A file that needs itself to be understood is read in no direction. Types count: they tie files together as firmly, and
 * what two need stands in a third one.
 */
test('no file imports itself by way of others, neither values nor types', () => {
  const all = ['src', 'e2e', 'bench', 'scripts'].flatMap(filesBelow)
  expect(circlesOf(all.flatMap(importsOf))).toEqual([])
})

test('an implementation is imported only by the file that chooses it', () => {
  const wrong = imports.filter(({ from, to }) =>
    implementations.some(
      ({ folder, chosenBy }) =>
        to.startsWith(`${folder}/`) &&
        !from.startsWith(`${folder}/`) &&
        !chosenBy.some((chooser) => from.startsWith(chooser)),
    ),
  )
  expect(wrong.map(({ from, to }) => `${from} imports ${to}`)).toEqual([])
})

test('nothing is run through a shell but the commands that users wrote', () => {
  const wrong = files.filter((file) => {
    const text = textOf(`src/${file}`)
    return /shell:\s*true|\bexecSync\(|\bexec\(\s*[`'"]|child_process'\)\.exec\b/.test(text)
  })
  expect(wrong).toEqual([])
})

test('the environment and the exit belong to the entry points', () => {
  const entry = /(^|\/)(main|process)\.ts$/
  const wrong = files.filter((file) => {
    if (entry.test(file) || isTest(file)) return false
    const code = textOf(`src/${file}`).replace(/'[^'\n]*'|^\s*(\*|\/\/).*$/gm, '')
    return /\bprocess\.(env|exit)\b/.test(code)
  })
  expect(wrong).toEqual([])
})

test('only the local target, the edges and who puts them together know addresses, ports and processes of this machine', () => {
  const knowing =
    /127\.0\.0\.1|\blocalhost\b|\.address\b|node:(?:net|http|https|child_process)'|\bfrom 'undici'|\bfetch\(|\bhttpPort\b/
  const blind = ['engine', 'gates', 'judge', 'model', 'store', 'strategy']
  const wrong = files.filter((file) => {
    if (isTest(file) || !blind.includes(file.split('/')[0] ?? '')) return false
    return knowing.test(textOf(`src/${file}`).replace(/^\s*(\*|\/\/|\/\*\*).*$/gm, ''))
  })
  expect(wrong).toEqual([])
  expect(imports.filter(({ from, to }) => blind.includes(from.split('/')[0] ?? '') && to.startsWith('edge/'))).toEqual(
    [],
  )
})

test('what is known of a state stands in its one table', () => {
  const state = `'(?:${deploymentStates.join('|')})'`
  // Two of them beside each other in a list, or in one condition.
  const listed = new RegExp(`${state},\\s*${state}|=== ${state}\\s*\\|\\|[^;\\n]*=== ${state}`)
  const wrong = files.filter((file) => {
    if (file === 'model/deployment.ts' || isTest(file)) return false
    return listed.test(textOf(`src/${file}`))
  })
  expect(wrong).toEqual([])
})
