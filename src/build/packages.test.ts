import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { appendFile, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { run } from '../support/run.ts'
import { buildEnvironment } from './build-environment.ts'
import { provideFetchedPrograms } from './fetched-programs.ts'
import { type Installer, installersFor } from './installer.ts'
import { makeWorkshop, type Workshop } from './testing/project.ts'

let shop: Workshop

beforeEach(async () => {
  shop = await makeWorkshop()
})

afterEach(async () => {
  await shop.remove()
})

/** A project with a production and a development package, both in its own repository: no network is needed. */
async function npmProject(extra: object = {}): Promise<void> {
  await shop.write({
    'package.json': JSON.stringify({
      name: 'shop',
      version: '1.0.0',
      type: 'module',
      dependencies: { greet: 'file:packages/greet' },
      devDependencies: { tool: 'file:packages/tool' },
      ...extra,
    }),
    'packages/greet/package.json': '{"name":"greet","version":"1.0.0","main":"index.js"}',
    'packages/greet/index.js': 'module.exports = (name) => `hello ${name}`',
    'packages/tool/package.json': '{"name":"tool","version":"1.0.0","bin":{"tool":"tool.js"}}',
    'packages/tool/tool.js': '#!/usr/bin/env node\nrequire("node:fs").writeFileSync("made.txt", "made by tool")',
    'main.js': 'import greet from "greet"; console.log(greet("you"))',
    '.gitignore': 'node_modules\n',
  })
  const install = ['npm', 'install', '--offline', '--no-audit', '--no-fund', '--ignore-scripts'] as const
  const result = await run([...install], { cwd: shop.project, timeoutMs: 60_000 })
  if (result.code !== 0) throw new Error(result.stderr)
}

const service = { command: 'tool', output: ['main.js', 'made.txt', 'package.json'] }

describe('npm', () => {
  it('installs by the lock file, finds programs of packages, and keeps production packages only', async () => {
    await npmProject()
    const { artifact } = await shop.builder.build(shop.request({ commit: await shop.commit(), service }))
    const tree = await shop.artifacts.tree(artifact.id)
    expect(execFileSync(process.execPath, ['main.js'], { cwd: tree, encoding: 'utf8' })).toBe('hello you\n')
    expect(await readFile(join(tree, 'made.txt'), 'utf8')).toBe('made by tool')
    expect(existsSync(join(tree, 'node_modules', 'tool'))).toBe(false)
    expect(existsSync(join(tree, 'packages'))).toBe(false)
  })

  it('takes all packages, or none, when the output says so', async () => {
    await npmProject()
    const commit = await shop.commit()
    const treeWith = async (output: readonly string[]) =>
      shop.artifacts.tree(
        (await shop.builder.build(shop.request({ commit, service: { ...service, output } }))).artifact.id,
      )
    expect(existsSync(join(await treeWith(['main.js', 'node_modules']), 'node_modules', 'tool'))).toBe(true)
    expect(existsSync(join(await treeWith(['main.js', '!node_modules']), 'node_modules'))).toBe(false)
  })

  it('takes packages of an unchanged lock file from the cache, unless a build wrote into them', async () => {
    await npmProject({ scripts: { prepare: 'echo prepared' } })
    const cached = () => shop.lines.some((line) => line.includes('from the cache'))
    await shop.builder.build(shop.request({ commit: await shop.commit(), service }))
    expect(cached()).toBe(false)
    await shop.write({ 'main.js': 'console.log(2)' })
    await shop.builder.build(shop.request({ commit: await shop.commit(), service }))
    expect(cached()).toBe(true)
    expect(shop.lines.filter((line) => line === 'prepared')).toHaveLength(2)

    const [entry = ''] = await readdir(join(shop.home.cache, 'packages'))
    await appendFile(join(shop.home.cache, 'packages', entry, 'tree', '.package-lock.json'), ' ')
    shop.lines.length = 0
    await shop.write({ 'main.js': 'console.log(3)' })
    await shop.builder.build(shop.request({ commit: await shop.commit(), service }))
    expect(cached()).toBe(false)
  })

  it('says what to do without a lock file, and when it does not fit', async () => {
    await npmProject()
    const dependencies = { greet: 'file:packages/greet', third: 'file:packages/third' }
    await shop.write({
      'package.json': JSON.stringify({ name: 'shop', version: '1.0.0', dependencies }),
      'packages/third/package.json': '{"name":"third","version":"1.0.0"}',
    })
    await expect(shop.builder.build(shop.request({ commit: await shop.commit() }))).rejects.toMatchObject({
      code: 'BUILD_FAILED',
      hint: expect.stringContaining('npm install'),
    })
    await shop.git('rm', '-q', 'package-lock.json')
    await expect(shop.builder.build(shop.request({ commit: await shop.commit() }))).rejects.toMatchObject({
      code: 'SOURCE_INVALID',
      hint: expect.stringContaining('lock file'),
    })
  })

  it('says when the project asks for another Node', async () => {
    await npmProject({ engines: { node: '^4' } })
    await shop.builder.build(shop.request({ commit: await shop.commit(), service }))
    expect(shop.lines.join('\n')).toContain(`asks for Node ^4, the build uses ${process.version}`)
  })
})

describe('pip', () => {
  it('installs packages that work from wherever the artifact is unpacked', async () => {
    await shop.write({
      'requirements.txt': './wheels/greet-1.0-py3-none-any.whl\n',
      'app.py': 'import sys, greet\nprint(greet.hello("you"), sys.prefix)\n',
      'make-wheel.py': wheelMaker,
    })
    await run(['python3', 'make-wheel.py'], { cwd: shop.project, timeoutMs: 60_000 })
    const { artifact } = await shop.builder.build(shop.request({ commit: await shop.commit() }))
    const tree = await shop.artifacts.tree(artifact.id)
    const output = execFileSync(join(tree, '.venv/bin/python'), ['app.py'], { cwd: tree, encoding: 'utf8' })
    expect(output.trim()).toBe(`hello you ${join(tree, '.venv')}`)
    expect(execFileSync(join(tree, '.venv/bin/greet'), { cwd: '/', encoding: 'utf8' })).toBe('hello script\n')
  })
})

/** A wheel is a zip file; made by hand, it needs no registry and no build tools. */
const wheelMaker = `
import os, zipfile
os.makedirs('wheels', exist_ok=True)
with zipfile.ZipFile('wheels/greet-1.0-py3-none-any.whl', 'w') as wheel:
    wheel.writestr('greet/__init__.py', 'def hello(name): return "hello " + name\\ndef main(): print(hello("script"))\\n')
    info = 'greet-1.0.dist-info/'
    wheel.writestr(info + 'METADATA', 'Metadata-Version: 2.1\\nName: greet\\nVersion: 1.0\\n')
    wheel.writestr(info + 'WHEEL', 'Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
    wheel.writestr(info + 'entry_points.txt', '[console_scripts]\\ngreet = greet:main\\n')
    wheel.writestr(info + 'RECORD', '')
`

describe('package managers that are not on this machine', () => {
  it('are there for the build commands too, after those that are', async () => {
    const directory = join(shop.root, 'programs')
    const installer = { name: 'pnpm', program: ['node', 'tool.cjs'], folder: shop.project } as unknown as Installer
    await shop.write({ 'tool.cjs': 'console.log(process.argv.slice(2).join(" "), process.env.npm_config_cache)' })
    await provideFetchedPrograms([installer], { directory, caches: join(shop.root, "it's") })
    const text = execFileSync(join(directory, 'pnpm'), ['run', 'build'], { cwd: shop.root, encoding: 'utf8' })
    expect(text).toBe(`run build ${join(shop.root, "it's", 'npm')}\n`)
  })

  it('of the project or fetched, yarn without node_modules keeps its packages in the artifact', async () => {
    await shop.write({
      'package.json': '{"dependencies":{"a":"1"},"packageManager":"yarn@4.5.0"}',
      'yarn.lock': '__metadata:\n  version: 8\n',
    })
    const installer = async () => (await installersFor(shop.project, shop.project, '/nowhere'))[0]
    const cache = join(shop.project, '.yarn', 'cache')
    expect(await installer()).toMatchObject({
      program: ['npm', 'exec', '--yes', '--package=@yarnpkg/cli-dist@4.5.0', '--', 'yarn'],
      env: { YARN_CACHE_FOLDER: cache },
    })
    await shop.write({ '.yarnrc.yml': 'nodeLinker: node-modules\nyarnPath: .yarn/yarn.cjs\n' })
    expect(await installer()).toMatchObject({ program: ['node', '.yarn/yarn.cjs'], env: {} })
  })
})

it('pnpm alone is told where its store is: npm would warn of a name that it does not know', async () => {
  const caches = join(shop.root, 'caches')
  const folders = { nodeFolder: '/node', programs: '/programs', temporary: join(shop.root, 'tmp'), caches }
  const env = await buildEnvironment({ own: { PATH: '/bin' }, user: {}, mark: 'm', ...folders })
  expect(env.forInstall).not.toHaveProperty('npm_config_store_dir')
  expect(env.forPnpm).toEqual({
    npm_config_store_dir: join(caches, 'pnpm'),
    pnpm_config_store_dir: join(caches, 'pnpm'),
  })
  expect(env.forCommands.PATH).toBe('/node:/bin:/programs')
})
