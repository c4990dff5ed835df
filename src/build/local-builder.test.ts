import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startTimeOf } from '../support/process-identity.ts'
import { patiently } from '../support/testing/patiently.ts'
import { makeWorkshop, type Workshop } from './testing/project.ts'

let shop: Workshop

beforeEach(async () => {
  shop = await makeWorkshop()
})

afterEach(async () => {
  await shop.remove()
})

async function treeOf(id: string): Promise<(path: string) => string> {
  const tree = await shop.artifacts.tree(id)
  return (path) => readFileSync(join(tree, path), 'utf8')
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(20)
}

describe('what is built', () => {
  it('is the commit, without what lies about in the folder', async () => {
    await shop.write({ 'app.js': 'committed', '.gitignore': 'ignored.txt\n' })
    const commit = await shop.commit()
    await shop.write({ 'app.js': 'changed', 'untracked.txt': '', 'ignored.txt': '' })
    const { artifact } = await shop.builder.build(shop.request({ commit }))
    const read = await treeOf(artifact.id)
    expect(read('app.js')).toBe('committed')
    expect(readdirSync(await shop.artifacts.tree(artifact.id)).toSorted()).toEqual(['.gitignore', 'app.js'])
  })

  it('is the folder as it is when changes shall come along, without touching the repository', async () => {
    await shop.write({ 'app.js': 'committed', 'gone.js': '', '.gitignore': 'ignored.txt\n' })
    const commit = await shop.commit()
    await shop.git('rm', '-q', '--cached', 'gone.js')
    await shop.git('reset', '-q')
    await shop.write({ 'app.js': 'changed', 'new file.txt': 'new', 'ignored.txt': '' })
    await shop.git('rm', '-q', 'gone.js')
    const before = await shop.git('status', '--porcelain')
    const first = await shop.builder.build(shop.request({ commit, dirty: true }))
    const names = readdirSync(await shop.artifacts.tree(first.artifact.id)).toSorted()
    expect(names).toEqual(['.gitignore', 'app.js', 'new file.txt'])
    expect((await treeOf(first.artifact.id))('app.js')).toBe('changed')
    expect(await shop.git('status', '--porcelain')).toBe(before)
    // Committing exactly this needs no other build.
    const second = await shop.builder.build(shop.request({ commit: await shop.commit('the same') }))
    expect(second).toMatchObject({ reused: true, artifact: { id: first.artifact.id } })
  })

  it('is one project of a repository with several', async () => {
    await shop.write({ 'one/app.js': 'one', 'two/app.js': 'two' })
    const commit = await shop.commit()
    const one = await shop.builder.build(shop.request({ commit, projectDir: join(shop.project, 'one') }))
    expect((await treeOf(one.artifact.id))('app.js')).toBe('one')
    await shop.write({ 'two/app.js': 'two, changed' })
    const next = shop.request({ commit: await shop.commit(), projectDir: join(shop.project, 'one') })
    expect((await shop.builder.build(next)).reused).toBe(true)
    await shop.write({ 'one/b.js': 'b' })
    const dirty = shop.request({ commit, dirty: true, projectDir: join(shop.project, 'one') })
    expect((await treeOf((await shop.builder.build(dirty)).artifact.id))('b.js')).toBe('b')
  })

  it('is a folder without git, but for its packages', async () => {
    await shop.write({ 'app.js': 'app', 'node_modules/x/index.js': 'x' })
    const first = await shop.builder.build(shop.request())
    expect(first.artifact.files).toBe(1)
    expect((await shop.builder.build(shop.request())).reused).toBe(true)
    await shop.write({ 'app.js': 'other' })
    expect((await shop.builder.build(shop.request())).reused).toBe(false)
  })

  it('is a folder that was built elsewhere, exactly', async () => {
    await shop.write({ 'out/app.js': 'app', 'out/node_modules/x/index.js': 'x' })
    const artifactDir = join(shop.project, 'out')
    const { artifact } = await shop.builder.build(shop.request({ artifactDir }))
    expect((await treeOf(artifact.id))('node_modules/x/index.js')).toBe('x')
    const missing = shop.request({ artifactDir: join(shop.project, 'nowhere') })
    await expect(shop.builder.build(missing)).rejects.toMatchObject({ code: 'SOURCE_INVALID' })
  })

  it('that was built elsewhere must hold something', async () => {
    await mkdir(join(shop.project, 'out'))
    const artifactDir = join(shop.project, 'out')
    await expect(shop.builder.build(shop.request({ artifactDir }))).rejects.toMatchObject({ code: 'ARTIFACT_INVALID' })
  })

  it('has its submodules, at the commit that it asks for', async () => {
    const library = await makeWorkshop()
    try {
      await library.write({ 'index.js': 'first' })
      await library.commit()
      await shop.write({ 'app.js': '' })
      await shop.commit()
      await shop.git('-c', 'protocol.file.allow=always', 'submodule', 'add', library.project, 'vendor/lib')
      const commit = await shop.commit('With a library')
      await shop.write({ 'vendor/lib/index.js': 'changed and not committed' })
      const { artifact } = await shop.builder.build(shop.request({ commit }))
      expect((await treeOf(artifact.id))('vendor/lib/index.js')).toBe('first')
      await shop.git('submodule', 'deinit', '--force', 'vendor/lib')
      await shop.write({ 'app.js': 'changed' })
      const later = await shop.commit('Another')
      await expect(shop.builder.build(shop.request({ commit: later }))).rejects.toMatchObject({
        code: 'SOURCE_INVALID',
        hint: 'run git submodule update --init --recursive in the project',
      })
    } finally {
      await library.remove()
    }
  })

  it('is refused where git-lfs left pointers in the place of files', async () => {
    await shop.write({
      '.gitattributes': '*.bin filter=lfs -text\n',
      'notes.txt': 'version https://git-lfs.github.com/spec/v1\n',
      'data/a.bin': `version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 12345\n`,
    })
    await shop.git('init', '-q', '-b', 'main')
    // As on a machine without git-lfs.
    for (const filter of ['clean', 'smudge', 'process']) await shop.git('config', `filter.lfs.${filter}`, '')
    await shop.git('config', 'filter.lfs.required', 'false')
    const commit = await shop.commit()
    await expect(shop.builder.build(shop.request({ commit }))).rejects.toMatchObject({
      code: 'SOURCE_INVALID',
      message: 'the content of data/a.bin is not here: git-lfs did not bring it',
    })
  })

  it('must exist: unknown commits and folders are named', async () => {
    await shop.write({ 'app.js': '' })
    const commit = await shop.commit()
    await expect(shop.builder.build(shop.request({ commit: 'f'.repeat(40) }))).rejects.toMatchObject({
      code: 'SOURCE_INVALID',
    })
    await expect(shop.builder.build(shop.request({ commit: '--upload-pack=x' }))).rejects.toMatchObject({
      code: 'SOURCE_INVALID',
    })
    const request = shop.request({ commit, service: { directory: 'api' } })
    await expect(shop.builder.build(request)).rejects.toThrow(/no folder api/)
  })
})

describe('a build', () => {
  it('runs once for the same source and settings, also when asked twice at once', async () => {
    await shop.write({ 'app.js': '' })
    const commit = await shop.commit()
    const count = join(shop.root, 'count')
    const build = (command: string) =>
      shop.builder.build(shop.request({ commit, service: { command, output: ['app.js'] } }))
    const command = `echo x >> ${count}; sleep 0.3`
    const both = await Promise.all([build(command), build(command)])
    expect(both.filter(({ reused }) => reused)).toHaveLength(1)
    expect((await build(command)).reused).toBe(true)
    expect(await readFile(count, 'utf8')).toBe('x\n')
    expect((await build(`${command}; :`)).reused).toBe(false)
    expect(await readFile(count, 'utf8')).toBe('x\nx\n')
  })

  it('goes on for the second who asked when the first gives up', async () => {
    await shop.write({ 'app.js': '' })
    const commit = await shop.commit()
    const giveUp = new AbortController()
    const started = join(shop.root, 'started')
    const service = { command: `echo x >> ${started}; sleep 0.5`, output: ['app.js'] }
    const first = shop.builder.build(shop.request({ commit, service, signal: giveUp.signal }))
    await until(() => existsSync(started))
    const second = shop.builder.build(shop.request({ commit, service }))
    giveUp.abort(new Error('not any more'))
    await expect(first).rejects.toThrow('not any more')
    expect((await second).reused).toBe(false)
  })

  it('sees the environment it was given and little else, and our Node first', async () => {
    await shop.write({ 'app.js': '' })
    const command = 'env > seen; node -p process.version > version'
    const request = shop.request({
      env: { API: 'x y' },
      service: { command, output: ['seen', 'version'] },
    })
    const read = await treeOf((await shop.builder.build(request)).artifact.id)
    expect(read('version').trim()).toBe(process.version)
    expect(read('seen')).toContain('API=x y')
    expect(read('seen')).not.toContain('hush')
  })

  it('reports a failing command with exit code and its last lines', async () => {
    await shop.write({ 'app.js': '' })
    const command = 'i=0; while [ $i -lt 60 ]; do echo line $i; i=$((i+1)); done; printf "the reason" >&2; exit 7'
    const failure = shop.builder.build(shop.request({ service: { command } }))
    await expect(failure).rejects.toMatchObject({ code: 'BUILD_FAILED', details: { exitCode: 7, command } })
    const { details } = (await failure.catch((error: unknown) => error)) as { details: { logTail: string[] } }
    expect(details.logTail).toHaveLength(40)
    expect(details.logTail).toContain('the reason')
    expect(await readdir(shop.home.builds)).toEqual([])
  })

  it('says how to keep the configuration out of the application’s compiler', async () => {
    await shop.write({ 'app.js': '' })
    const command = `echo "error TS6059: File '/x/sluice.config.ts' is not under 'rootDir'"; exit 2`
    await expect(shop.builder.build(shop.request({ service: { command } }))).rejects.toMatchObject({
      hint: expect.stringContaining('rename it to sluice.config.mjs'),
    })
  })

  it('passes lines on while it runs, cut at 8 kB', async () => {
    await shop.write({ 'app.js': '' })
    const command = `node -e "console.log('x'.repeat(1000000)); console.log('after')"`
    await shop.builder.build(shop.request({ service: { command } }))
    expect(shop.lines).toContain('after')
    expect(Math.max(...shop.lines.map((line) => line.length))).toBeLessThan(8300)
  })

  it('names an output that is not there, and what is', async () => {
    await shop.write({ 'app.js': '' })
    const request = shop.request({ service: { command: 'mkdir dist', output: ['build'] } })
    await expect(shop.builder.build(request)).rejects.toMatchObject({
      code: 'BUILD_FAILED',
      message: expect.stringContaining('build'),
      hint: expect.stringContaining('dist'),
    })
  })

  it('names a file whose name is not UTF-8', async () => {
    await shop.write({ 'app.js': '' })
    await writeFile(Buffer.concat([Buffer.from(`${shop.project}/bad`), Buffer.from([0xff])]), '')
    const commit = await shop.commit()
    await expect(shop.builder.build(shop.request({ commit }))).rejects.toMatchObject({
      code: 'ARTIFACT_INVALID',
      message: 'the name of bad\uFFFD is not valid UTF-8',
    })
  })

  it('refuses a link out of the output and names it', async () => {
    await shop.write({ 'app.js': '' })
    await symlink('/etc/passwd', join(shop.project, 'leak'))
    await expect(shop.builder.build(shop.request())).rejects.toMatchObject({
      code: 'ARTIFACT_INVALID',
      message: expect.stringContaining('leak'),
    })
  })

  it('refuses what is too large, and a disk that is too full', async () => {
    await shop.write({ 'app.js': 'x'.repeat(5000) })
    await expect(shop.builder.build(shop.request({ maxBytes: 4999 }))).rejects.toMatchObject({
      code: 'BUILD_TOO_LARGE',
    })
    const full = await makeWorkshop({ minimumFreeBytes: 2 ** 60 })
    await full.write({ 'app.js': '' })
    await expect(full.builder.build(full.request())).rejects.toMatchObject({ code: 'DISK_FULL' })
    await full.remove()
  })

  it('refuses an artifact of 2 GB before it stores a byte of it', async () => {
    await shop.write({ 'app.js': '' })
    const service = { command: 'truncate -s 2G video.mp4', output: ['video.mp4'] }
    await expect(shop.builder.build(shop.request({ service, maxBytes: 1_000_000_000 }))).rejects.toMatchObject({
      code: 'BUILD_TOO_LARGE',
      message: expect.stringContaining('larger than'),
      hint: expect.any(String),
    })
    expect(existsSync(join(shop.home.artifacts, 'files'))).toBe(false)
    expect(await readdir(shop.home.builds)).toEqual([])
  })

  it('ends after its time with everything it started, also what left its group', async () => {
    const pids = join(shop.root, 'pids')
    await shop.write({ 'app.js': '' })
    const command = `sleep 300 & echo $! >> ${pids}; setsid sleep 300 & echo $! >> ${pids}; wait`
    const startedBefore = async (timeoutMs: number) => {
      await rm(pids, { force: true })
      const request = shop.request({ timeoutMs, service: { command } })
      await expect(shop.builder.build(request)).rejects.toMatchObject({ code: 'BUILD_TIMEOUT' })
      const lines = await readFile(pids, 'utf8').catch(() => '')
      return lines
        .split('\n')
        .filter((line) => line !== '')
        .map(Number)
    }
    const started = await patiently(700, startedBefore, ({ length }) => length === 2)
    expect(started).toHaveLength(2)
    await until(() => started.every((pid) => startTimeOf(pid) === null))
    expect(await readdir(shop.home.builds)).toEqual([])
  })

  it('ends when it is cancelled, with its grandchildren', async () => {
    const pids = join(shop.root, 'pids')
    await shop.write({ 'app.js': '' })
    const cancel = new AbortController()
    const command = `sh -c 'sh -c "sleep 300" & echo $! > ${pids}; wait'`
    const build = shop.builder.build(shop.request({ signal: cancel.signal, service: { command } }))
    await until(() => existsSync(pids) && readFileSync(pids, 'utf8').endsWith('\n'))
    cancel.abort(new Error('cancelled'))
    await expect(build).rejects.toThrow('cancelled')
    const pid = Number(readFileSync(pids, 'utf8'))
    await until(() => startTimeOf(pid) === null)
  })

  it('that was killed leaves no artifact, and its folder and processes are cleared away by the next one', async () => {
    await shop.write({ 'app.js': '' })
    const pidFile = join(shop.root, 'pid')
    const script = join(shop.root, 'build.mjs')
    const module = fileURLToPath(new URL('./testing/project.ts', import.meta.url))
    await writeFile(
      script,
      `import { localBuilder } from ${JSON.stringify(module.replace('testing/project.ts', 'local-builder.ts'))}
       import { fileArtifactStore } from ${JSON.stringify(module.replace('testing/project.ts', 'file-artifact-store.ts'))}
       const [home, request] = process.argv.slice(2).map((text) => JSON.parse(text))
       const artifacts = fileArtifactStore({ directory: home.artifacts, trees: home.trees })
       const builder = localBuilder({ artifacts, home, log: console, environment: process.env })
       await builder.build({ ...request, signal: new AbortController().signal, onLine() {} })`,
    )
    const request = shop.request({ service: { command: `echo $$ > ${pidFile}; sleep 300` } })
    const child = spawn(process.execPath, [script, JSON.stringify(shop.home), JSON.stringify(request)], {
      stdio: 'inherit',
    })
    await until(() => existsSync(pidFile) && readFileSync(pidFile, 'utf8').endsWith('\n'))
    const exited = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await exited
    const orphan = Number(readFileSync(pidFile, 'utf8'))
    expect(await readdir(shop.home.builds)).toHaveLength(1)
    await shop.builder.build(shop.request())
    await until(() => startTimeOf(orphan) === null)
    expect(await readdir(shop.home.builds)).toEqual([])
    expect(await shop.artifacts.prune({ keep: 0, inUse: [] })).toHaveLength(1)
  })
})

describe('several services', () => {
  it('form one artifact, each in its folder, and share work', async () => {
    const count = join(shop.root, 'count')
    await shop.write({ 'api/main.js': 'api', 'web/main.js': 'web' })
    const shared = {
      directory: 'web',
      install: 'auto',
      command: `echo x >> ${count}; mkdir -p out; cp main.js out`,
    } as const
    const request = shop.request({
      services: [
        { ...shared, name: 'web', output: ['out'] },
        { ...shared, name: 'worker', output: ['main.js', 'out'] },
        { name: 'api', directory: 'api', install: 'none' },
      ],
    })
    const { artifact } = await shop.builder.build(request)
    const read = await treeOf(artifact.id)
    expect([read('web/out/main.js'), read('web/main.js'), read('api/main.js')]).toEqual(['web', 'web', 'api'])
    expect(readFileSync(count, 'utf8')).toBe('x\n')
  })
})
