import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { SluiceError } from '../model/error.ts'
import { startTimeOf } from '../support/process-identity.ts'
import { patiently } from '../support/testing/patiently.ts'
import { loadConfig } from './load.ts'
import { temporaryFolder } from './testing/temporary-folder.ts'

const DEADLINE_MS = 30_000
const document = { project: 'shop', services: { web: { start: 'node s.js' } }, environments: { production: {} } }
const module = `import { defineConfig } from 'sluice'\nexport default defineConfig(${JSON.stringify(document)})\n`
const script = `const { defineConfig } = require('sluice')\nmodule.exports = defineConfig(${JSON.stringify(document)})\n`

async function load(files: Readonly<Record<string, string>>, more: Partial<Parameters<typeof loadConfig>[0]> = {}) {
  return loadConfig({ cwd: await temporaryFolder(files), deadlineMs: DEADLINE_MS, ...more })
}

async function failure(files: Readonly<Record<string, string>>, more: Partial<Parameters<typeof loadConfig>[0]> = {}) {
  const error: unknown = await load(files, more).then(
    () => null,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof SluiceError)) throw new Error(`no SluiceError: ${String(error)}`)
  expect(`${error.message} ${error.hint} ${JSON.stringify(error.problems)}`).not.toMatch(/\n\s+at |node:internal/)
  return error
}

for (const type of ['commonjs', 'module', undefined]) {
  test(`a project with "type": ${type ?? 'none'} may write any kind of file, without having sluice`, async () => {
    const packageJson = type === undefined ? {} : { 'package.json': JSON.stringify({ type }) }
    for (const ending of ['ts', 'mts', 'cts', 'js', 'mjs', 'cjs']) {
      const text = ending.startsWith('c') ? script : module
      const loaded = await load({ ...packageJson, [`sluice.config.${ending}`]: text })
      expect(loaded.document, ending).toEqual(document)
    }
  })
}

test('JSON and YAML hold the same document', async () => {
  expect((await load({ 'sluice.config.json': JSON.stringify(document) })).document).toEqual(document)
  const yaml = `project: shop\nservices:\n  web: { start: node s.js }\nenvironments:\n  production: {}\n`
  expect((await load({ 'sluice.config.yaml': yaml })).document).toEqual(document)
})

test('promises and functions of the environment are accepted', async () => {
  const asked = `export default async ({ environment }: { environment?: string }) => ({ project: environment ?? 'all' })`
  expect((await load({ 'sluice.config.ts': asked }, { environment: 'staging' })).document).toEqual({
    project: 'staging',
  })
  expect((await load({ 'sluice.config.ts': asked })).document).toEqual({ project: 'all' })
  expect((await load({ 'sluice.config.ts': 'export default Promise.resolve({ a: 1 })' })).document).toEqual({ a: 1 })
})

test('enums, helpers and CommonJS in TypeScript work too', async () => {
  const withEnum = `enum Name { A = 'shop' }\nexport default { project: Name.A }`
  expect((await load({ 'sluice.config.ts': withEnum })).document).toEqual({ project: 'shop' })
  const helper = { 'names.ts': `export const project: string = 'shop'` }
  const importing = `import { project } from './names.ts'\nexport default { project }`
  expect((await load({ 'sluice.config.ts': importing, ...helper })).document).toEqual({ project: 'shop' })
  expect((await load({ 'sluice.config.ts': `module.exports = { project: 'shop' }` })).document).toEqual({
    project: 'shop',
  })
})

test('the nearest file above is found', async () => {
  const cwd = await temporaryFolder({ 'sluice.config.json': '{}', 'apps/web/package.json': '{}' })
  const loaded = await loadConfig({ cwd: join(cwd, 'apps/web'), deadlineMs: DEADLINE_MS })
  expect(loaded).toMatchObject({ file: join(cwd, 'sluice.config.json'), projectDir: cwd })
})

test('a file may be named, or its folder', async () => {
  const cwd = await temporaryFolder({ 'deploy/sluice.config.json': '{"a":1}', 'other.yaml': 'b: 2' })
  expect((await loadConfig({ cwd, file: 'deploy', deadlineMs: DEADLINE_MS })).document).toEqual({ a: 1 })
  expect((await loadConfig({ cwd, file: 'other.yaml', deadlineMs: DEADLINE_MS })).document).toEqual({ b: 2 })
})

test('no file, a misspelt one and two of them are told apart', async () => {
  expect(await failure({})).toMatchObject({ code: 'CONFIG_NOT_FOUND', hint: expect.stringContaining('sluice init') })
  expect(await failure({ 'sluce.config.ts': '' })).toMatchObject({
    code: 'CONFIG_NOT_FOUND',
    hint: expect.stringContaining('there is a sluce.config.ts'),
  })
  expect(await failure({ 'sluice.config.ts': '', 'sluice.config.json': '' })).toMatchObject({ code: 'CONFIG_INVALID' })
  expect(await failure({}, { file: 'nowhere.ts' })).toMatchObject({ code: 'CONFIG_NOT_FOUND' })
})

test('what a configuration prints stays out of our output and is kept', async () => {
  const text = `console.log('hello'); console.error('there'); process.stdout.write('{"status":"ok"}')\n${module}`
  const loaded = await load({ 'sluice.config.ts': text })
  expect(loaded.document).toEqual(document)
  for (const printed of ['hello\n', 'there\n', '{"status":"ok"}']) expect(loaded.printed).toContain(printed)
})

test('a configuration that loops is stopped with everything it started', async () => {
  const cwd = await temporaryFolder({
    'sluice.config.ts': `import { spawn } from 'node:child_process'
      import { writeFileSync } from 'node:fs'
      const child = spawn('sleep', ['600'], { stdio: 'ignore' })
      writeFileSync('pids', [process.pid, child.pid].join(' '))
      console.log('begun')
      for (;;) {}`,
  })
  const load = (deadlineMs: number) =>
    loadConfig({ cwd, deadlineMs }).catch((error: unknown) => ({ error, deadlineMs }))
  const ended = await patiently(3000, load, () => existsSync(join(cwd, 'pids')))
  expect(ended).toMatchObject({
    error: {
      code: 'CONFIG_TIMEOUT',
      message: expect.stringContaining(`${'deadlineMs' in ended ? ended.deadlineMs / 1000 : 0} s`),
      details: { printed: 'begun\n' },
    },
  })
  for (const pid of readFileSync(join(cwd, 'pids'), 'utf8').split(' ').map(Number)) {
    while (startTimeOf(pid) !== null) await sleep(20)
  }
})

test('an abort ends the loading with its reason', async () => {
  const cwd = await temporaryFolder({
    'sluice.config.ts': `(await import('node:fs')).writeFileSync('begun', '')\nfor (;;) {}`,
  })
  const abort = new AbortController()
  const loading = loadConfig({ cwd, deadlineMs: DEADLINE_MS, signal: abort.signal })
  loading.catch(() => {})
  while (!existsSync(join(cwd, 'begun'))) await sleep(20)
  abort.abort(new Error('enough'))
  await expect(loading).rejects.toThrow('enough')
})

test('what a configuration leaves open does not keep us', async () => {
  expect((await load({ 'sluice.config.ts': `setInterval(() => {}, 1000)\n${module}` })).document).toEqual(document)
})

test('an error is told with its place in the user’s file', async () => {
  const text = `const a: number = 1\nfunction check(): never {\n  throw new Error('no such region')\n}\ncheck()\nexport default {}`
  expect(await failure({ 'sluice.config.ts': text })).toMatchObject({
    code: 'CONFIG_THROWS',
    message: 'sluice.config.ts:3:9: no such region',
  })
  const helper = { 'lib/helper.ts': `\nthrow new TypeError('bad helper')` }
  expect(await failure({ 'sluice.config.ts': `import './lib/helper.ts'\nexport default {}`, ...helper })).toMatchObject(
    {
      code: 'CONFIG_THROWS',
      message: 'lib/helper.ts:2:7: bad helper',
    },
  )
  expect(await failure({ 'sluice.config.ts': `throw 'a text'` })).toMatchObject({ message: 'sluice.config.ts: a text' })
  expect(await failure({ 'sluice.config.ts': `export default () => Promise.reject(new Error('late'))` })).toMatchObject(
    { code: 'CONFIG_THROWS', message: expect.stringContaining('sluice.config.ts:1:') },
  )
})

test('a slip of syntax and a missing package are told plainly', async () => {
  expect(await failure({ 'sluice.config.ts': 'export default {\n  a: 1\n  b: 2\n}' })).toMatchObject({
    code: 'CONFIG_THROWS',
    message: expect.stringMatching(/^sluice\.config\.ts:3: /),
  })
  expect(await failure({ 'sluice.config.js': 'export default {\n  a: 1\n  b: 2\n}' })).toMatchObject({
    message: expect.stringMatching(/^sluice\.config\.js:3:\d+: /),
  })
  expect(await failure({ 'sluice.config.ts': `import 'not-installed'\nexport default {}` })).toMatchObject({
    message: `sluice.config.ts: Cannot find package 'not-installed'`,
  })
})

test('an end without an answer is told as such', async () => {
  expect(await failure({ 'sluice.config.ts': 'process.exit(3)' })).toMatchObject({
    code: 'CONFIG_THROWS',
    message: expect.stringContaining('exit code 3'),
  })
  expect(await failure({ 'sluice.config.ts': 'export default () => new Promise(() => {})' })).toMatchObject({
    code: 'CONFIG_THROWS',
    hint: expect.stringContaining('promise that nothing will settle'),
  })
})

test('what is no data is named with its path, all of it at once', async () => {
  const text = `const loop: { self?: unknown } = {}; loop.self = loop
    export default { services: { web: { start: () => 'x' } }, list: [1, new Date()], ratio: NaN, loop, big: 1n }`
  const error = await failure({ 'sluice.config.ts': text })
  expect(error).toMatchObject({
    code: 'CONFIG_NOT_SERIALIZABLE',
    message: 'sluice.config.ts: services.web.start is a function',
  })
  expect(error.problems.map(({ path, message }) => `${path} ${message}`)).toEqual([
    'services.web.start is a function',
    'list[1] is a Date',
    'ratio is NaN',
    'loop.self is a reference to something that contains it',
    'big is a bigint',
  ])
})

test('a variable that is not set is no silent default, where the environment asked for would use it', async () => {
  const text = `const unset = process.env.SLUICE_TEST_UNSET
    export default { database: { url: unset }, environments: { a: { env: { A: unset } }, b: { env: { B: unset } } } }`
  const error = await failure({ 'sluice.config.ts': text }, { environment: 'b' })
  expect(error.code).toBe('CONFIG_NOT_SERIALIZABLE')
  expect(error.problems.map(({ path }) => path)).toEqual(['database.url', 'environments.b.env.B'])
  const conditional = `export default { project: 'shop', keepReleases: undefined }`
  expect((await load({ 'sluice.config.ts': conditional })).document).toEqual({ project: 'shop' })
})

test('a file without a default export says what it has', async () => {
  expect(await failure({ 'sluice.config.ts': 'export const config = {}' })).toMatchObject({
    code: 'CONFIG_INVALID',
    message: 'sluice.config.ts has no default export; it exports config',
  })
})

test('JSON and YAML that cannot be read name the place', async () => {
  expect(await failure({ 'sluice.config.json': '{\n  "project": }' })).toMatchObject({
    code: 'CONFIG_INVALID',
    problems: [{ path: 'sluice.config.json:2:14', message: "Unexpected token '}'" }],
  })
  for (const [text, place] of [
    ['{', '1:2'],
    ['[1,]', '1:4'],
    ['{"a" 1}', '1:6'],
    ['{} x', '1:4'],
    ["{'a': 1}", '1:2'],
  ])
    expect(await failure({ 'sluice.config.json': text ?? '' })).toMatchObject({
      problems: [{ path: `sluice.config.json:${place}` }],
    })
  expect(await failure({ 'sluice.config.yaml': 'project: shop\nservices: [' })).toMatchObject({
    code: 'CONFIG_INVALID',
    problems: [{ path: expect.stringMatching(/^sluice\.config\.yaml:2:/) }],
  })
})

test('slips in JSON and YAML are told in words, with their place', async () => {
  const told = async (name: string, text: string) => {
    const { code, problems } = await failure({ [name]: text })
    expect(code).toBe('CONFIG_INVALID')
    return problems.map(({ path, message }) => `${path} ${message}`)
  }
  expect(await told('sluice.config.json', '{\n  // mine\n  "project": "p"\n}')).toEqual([
    'sluice.config.json:2:3 JSON has no comments: remove it, or write YAML or TypeScript',
  ])
  expect(await told('sluice.config.json', '{ "project": "p", }')).toEqual([
    'sluice.config.json:1:19 JSON has no comma before the end: remove it',
  ])
  expect(await told('sluice.config.json', '{ project: "p" }')).toEqual([
    'sluice.config.json:1:3 JSON keys stand in double quotes',
  ])
  const twice = '{ "a": { "b": 1, "c": ["b", { "b": 2 }], "b": 3 },\n "a": "a" }'
  expect(await told('sluice.config.json', twice)).toEqual([
    'sluice.config.json:1:42 the key "b" is there twice',
    'sluice.config.json:2:2 the key "a" is there twice',
  ])
  expect(await told('sluice.config.yaml', 'project: p\nproject: q\n')).toEqual([
    'sluice.config.yaml:2:1 this key is there twice',
  ])
  expect(await told('sluice.config.yaml', 'project: p\n---\nproject: q\n')).toEqual([
    'sluice.config.yaml:2:1 a second document begins here: a configuration is one',
  ])
})

test('YAML shares settings by anchors and <<', async () => {
  const yaml = `services:\n  web: &base { start: a, env: { A: x } }\n  api:\n    <<: *base\n    start: b\n`
  expect((await load({ 'sluice.config.yaml': yaml })).document).toEqual({
    services: { web: { start: 'a', env: { A: 'x' } }, api: { start: 'b', env: { A: 'x' } } },
  })
})

test('an empty file, and one that is nested without end, are told as such', async () => {
  expect(await failure({ 'sluice.config.yaml': ' \n' })).toMatchObject({
    code: 'CONFIG_INVALID',
    message: 'sluice.config.yaml is empty',
  })
  const deep = '{"a":'.repeat(20_000) + '1' + '}'.repeat(20_000)
  expect(await failure({ 'sluice.config.json': deep })).toMatchObject({ code: 'CONFIG_NOT_SERIALIZABLE' })
  expect(await failure({ 'sluice.config.yaml': deep })).toMatchObject({ code: 'CONFIG_INVALID' })
})

test('a name that sluice does not export is called so', async () => {
  const text = `import { defineConfg } from 'sluice'\nexport default defineConfg({})`
  expect((await failure({ 'sluice.config.ts': text })).message).toContain(
    "does not provide an export named 'defineConfg'",
  )
  const onlyType = `import { Config, defineConfig } from 'sluice'\nconst config: Config = {} as Config\nexport default defineConfig(config)`
  expect((await load({ 'sluice.config.ts': onlyType })).document).toEqual({})
})

test('a configuration that takes all memory ends before the machine does', async () => {
  const text = `const all = []\nfor (;;) all.push(new Array(1e5).fill(Math.random()))`
  expect(await failure({ 'sluice.config.ts': text }, { deadlineMs: 60_000 })).toMatchObject({
    code: 'CONFIG_THROWS',
    hint: expect.stringContaining('takes all memory') as string,
  })
})
