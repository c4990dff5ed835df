import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import type { DeployRequest } from '../model/deploy-request.ts'
import type { Source } from '../model/source.ts'
import { run } from '../support/run.ts'
import { userEnvironment } from '../support/user-environment.ts'
import { fileUploads } from './file-uploads.ts'
import { localSources } from './local-sources.ts'

let root = ''
let project = ''
let builds = ''
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'sluice-sources-'))
  onTestFinished(() => rm(root, { recursive: true, force: true }))
  project = join(root, 'shop')
  builds = join(root, 'builds')
  await mkdir(project)
})

const git = (...args: string[]) =>
  run(['git', '-c', 'user.name=a', '-c', 'user.email=a@b.c', ...args], { cwd: project, timeoutMs: 30_000 })

async function write(file: string, text: string): Promise<void> {
  await mkdir(dirname(join(project, file)), { recursive: true })
  await writeFile(join(project, file), text)
}

async function commit(): Promise<string> {
  await git('add', '-A')
  await git('commit', '-q', '-m', 'A commit')
  return (await git('rev-parse', 'HEAD')).stdout.trim()
}

const document = (start: string, more: object = {}) => ({
  project: 'shop',
  services: { web: { start } },
  environments: { production: {}, staging: { requireClean: false } },
  ...more,
})
const module = (value: unknown) => `export default ${JSON.stringify(value)}\n`

function read(source: Partial<Source> = {}, change: Partial<DeployRequest> = {}) {
  const sources = localSources({
    builds,
    uploads: fileUploads({ directory: join(root, 'uploads') }),
    environment: { ...process.env, DATABASE_URL: 'postgres://control:secret@plane/sluice' },
    userEnvironment: userEnvironment(process.env, process.execPath),
  })
  const asked = { kind: 'folder', directory: project, ...source } as Source
  return sources.read({ environment: 'staging', source: asked, replace: false, ...change }, { knownDirectory: null })
}
const started = async (...args: Parameters<typeof read>) => (await read(...args)).order.config.services[0]?.start

test('the configuration of a commit is that commit’s file, whatever the working tree holds', async () => {
  await git('init', '-q')
  await write('sluice.config.ts', module(document('node old.js')))
  const old = await commit()
  await write('sluice.config.ts', module(document('node new.js')))
  await commit()
  await write('sluice.config.ts', module(document('node changed.js')))
  expect(await started({ kind: 'commit', revision: old })).toBe('node old.js')
  expect(await started({ kind: 'commit', revision: 'HEAD' })).toBe('node new.js')
  const folder = await read()
  expect(folder.order.config.services[0]?.start).toBe('node changed.js')
  expect(folder.order.source).toMatchObject({ dirty: true, subject: 'A commit' })
  expect((await read({ kind: 'commit', revision: old })).order).toMatchObject({
    projectDir: project,
    source: { commit: old, dirty: false },
  })
  expect(await readdir(builds)).toEqual([])
})

test('a commit’s configuration finds the packages that are installed, and the files that it shares with other projects', async () => {
  await git('init', '-q')
  await write('shared/names.ts', `export const start: string = 'node shared.js'\n`)
  const text = `import { start } from '../../shared/names.ts'
import { name } from 'helper'
export default { ...${JSON.stringify(document(''))}, project: name, services: { web: { start } } }`
  await write('apps/web/sluice.config.ts', text)
  await write('.gitignore', 'node_modules\n')
  await write('node_modules/helper/package.json', '{"name":"helper","type":"module","exports":"./index.js"}')
  await write('node_modules/helper/index.js', `export const name = 'shop'\n`)
  await commit()
  await write('shared/names.ts', 'export const start = 1')
  const directory = join(project, 'apps/web')
  expect(await started({ kind: 'commit', revision: 'HEAD', directory })).toBe('node shared.js')
})

test('production wants a commit, and the control plane looks for itself', async () => {
  await git('init', '-q')
  await write('sluice.config.json', JSON.stringify(document('node s.js')))
  await commit()
  await expect(read({}, { environment: 'production' })).resolves.toMatchObject({ order: { source: { dirty: false } } })
  await write('left-over', 'x')
  await expect(read({}, { environment: 'production' })).rejects.toMatchObject({ code: 'TREE_DIRTY' })
  await expect(read({}, { environment: 'staging' })).resolves.toMatchObject({ order: { source: { dirty: true } } })
  const clean = { kind: 'commit', revision: 'HEAD' } as const
  await expect(read(clean, { environment: 'production' })).resolves.toMatchObject({
    order: { source: { dirty: false } },
  })
})

test('all problems of the configuration are told, with the places of those in its code', async () => {
  await write('sluice.config.json', JSON.stringify({ project: 'Shop', services: { web: { starts: 'x' } } }))
  const invalid = await read().catch((error: unknown) => error)
  expect(invalid).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining('sluice.config.json') })
  expect((invalid as { problems: unknown[] }).problems.length).toBeGreaterThan(2)
  await rm(join(project, 'sluice.config.json'))
  await write('sluice.config.ts', `export default {\n  project: missing(),\n}`)
  await expect(read()).rejects.toMatchObject({
    code: 'CONFIG_THROWS',
    problems: [{ path: expect.stringMatching(/^sluice\.config\.ts:2:/) }],
  })
  await write('sluice.config.ts', 'await new Promise(() => setTimeout(() => {}, 60_000))')
  await expect(read({}, {})).rejects.toMatchObject({ code: 'CONFIG_TIMEOUT' })
}, 60_000)

test('a configuration sees the variables that were handed over, and nothing of the control plane’s', async () => {
  await write(
    'sluice.config.ts',
    `export default { ...${JSON.stringify(document('x'))}, env: { GIVEN: process.env.GIVEN, SEEN: String(process.env.DATABASE_URL) } }`,
  )
  const { order } = await read({}, { variables: { GIVEN: 'yes', PATH: '/nowhere', NODE_OPTIONS: '--bad-option' } })
  expect(order.config.services[0]?.env).toEqual({ GIVEN: 'yes', SEEN: 'undefined' })
  await expect(read()).rejects.toMatchObject({ code: 'CONFIG_NOT_SERIALIZABLE' })
})

test('another project’s configuration, a folder above, and a folder that is not there are refused', async () => {
  await write('sluice.config.json', JSON.stringify(document('x')))
  await expect(read({}, { project: 'books' })).rejects.toMatchObject({
    code: 'ENVIRONMENT_UNKNOWN',
    hint: expect.stringContaining('shop.staging'),
  })
  await expect(read({}, { environment: 'stagin' })).rejects.toMatchObject({ code: 'ENVIRONMENT_UNKNOWN' })
  await mkdir(join(project, 'inner'))
  await expect(read({ directory: join(project, 'inner') })).rejects.toMatchObject({ code: 'CONFIG_NOT_FOUND' })
  await expect(read({ directory: join(project, 'gone') })).rejects.toMatchObject({ code: 'SOURCE_INVALID' })
  await expect(read({ kind: 'commit', revision: 'HEAD', directory: project })).rejects.toMatchObject({
    code: 'SOURCE_INVALID',
  })
  await expect(read({ kind: 'images', images: { web: 'registry/web@sha256:0' } })).rejects.toMatchObject({
    code: 'SOURCE_INVALID',
    message: 'no target here runs images',
  })
})

test('the repository is known by its address, without what signs in there', async () => {
  await git('init', '-q')
  await git('remote', 'add', 'origin', 'https://ada:token@git.example/shop.git')
  await write('sluice.config.json', JSON.stringify(document('x')))
  expect((await read()).repository).toBe('https://git.example/shop.git')
})

test('a release is promoted with the configuration that it was made from', async () => {
  await git('init', '-q')
  const sources = localSources({
    builds,
    uploads: fileUploads({ directory: join(root, 'uploads') }),
    environment: process.env,
    userEnvironment: userEnvironment(process.env, process.execPath),
  })
  const promote = (origin: Awaited<ReturnType<typeof read>>) =>
    sources.readAgain(
      { environment: 'production', source: { kind: 'release', release: 'r7' }, replace: false },
      origin.order,
      { knownDirectory: null },
    )
  await write('sluice.config.json', JSON.stringify(document('node kept.js')))
  const dirty = await read()
  await write('sluice.config.json', JSON.stringify(document('node later.js')))
  expect((await promote(dirty)).order).toMatchObject({
    config: { environment: 'production', services: [{ start: 'node kept.js' }] },
    source: { release: 'r7' },
  })
  await rm(join(project, 'sluice.config.json'))
  // A function may say something else of production: only its commit knows.
  const text = `export default ({ environment }) => ({ ...${JSON.stringify(document('x'))}, env: { WHERE: environment } })`
  await write('sluice.config.ts', text)
  await expect(promote(await read())).rejects.toMatchObject({ code: 'SOURCE_INVALID' })
  const sha = await commit()
  const clean = await read()
  await rm(join(project, 'sluice.config.ts'))
  expect((await promote(clean)).order).toMatchObject({
    config: { services: [{ env: { WHERE: 'production' } }] },
    source: { release: 'r7', commit: sha },
  })
})
