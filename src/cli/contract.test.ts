import { existsSync } from 'node:fs'
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, expect, test } from 'vitest'
import { run } from '../support/run.ts'
import { version } from '../support/version.ts'
import { testControlPlane } from './testing/control-plane.ts'
import { type RunSluiceOptions, runSluice } from './testing/run-sluice.ts'
import { silentControlPlane } from './testing/silent-control-plane.ts'

let plane: Awaited<ReturnType<typeof testControlPlane>>
beforeAll(async () => {
  plane = await testControlPlane()
})
afterAll(() => plane.close())

const sluice = (args: readonly string[], options: Partial<RunSluiceOptions> = {}) =>
  runSluice(args, { home: plane.home, cwd: plane.project, ...options })
const documentsIn = (stdout: string) =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { v: number; type?: string; status?: string })

test('ndjson: an event per line, then the same document as with --json', async () => {
  plane.engine.script = ({ id, environment }, engine) => {
    engine.tell({ type: 'deployment.weight', deployment: id, environment, data: { weight: 0.05 } })
    engine.finish(id, 'succeeded')
  }
  const { code, stdout } = await sluice(['deploy', 'production', '--output', 'ndjson'])
  plane.engine.script = null
  const lines = documentsIn(stdout)
  expect(code).toBe(0)
  expect(lines.map(({ type }) => type ?? 'answer').slice(0, 3)).toEqual([
    'deployment.created',
    'deployment.weight',
    'deployment.finished',
  ])
  expect(lines.every(({ v }) => v === 1)).toBe(true)
  expect(lines.at(-1)).toMatchObject({ status: 'succeeded', environment: 'production' })
})

test('people read the progress on standard error and the answer on standard output', async () => {
  plane.engine.script = ({ id, environment }, engine) => {
    const step = { name: 'launch', state: 'done', detail: '2 instances ready' }
    engine.tell({ type: 'deployment.step', deployment: id, environment, data: step })
    engine.tell({ type: 'deployment.weight', deployment: id, environment, data: { weight: 0.25, why: null } })
    engine.finish(id, 'succeeded')
  }
  const { stdout, stderr } = await sluice(['deploy', 'staging'], { environment: { CI: 'true' } })
  plane.engine.script = null
  expect(stderr).toContain('launch: 2 instances ready')
  expect(stderr).toContain('25 % on the new release')
  expect(stdout).toMatch(/^d\d+ succeeded: shop\.staging is served by r\d+/)
  expect(stdout).toContain('http://localhost:8080/')
})

test('--until serving and --detach do not wait for the outcome', async () => {
  plane.engine.script = ({ id, environment }, engine) => {
    engine.change(id, { state: 'baking', servingAt: '2026-01-01T00:00:01.000Z' })
    const data = { state: 'baking', serving: true }
    engine.tell({ type: 'deployment.state', deployment: id, environment, data })
  }
  const serving = await sluice(['deploy', 'production', '--until', 'serving', '--json'])
  plane.engine.script = null
  expect(serving.code).toBe(0)
  expect(JSON.parse(serving.stdout)).toMatchObject({ status: 'serving' })
  const detached = await sluice(['deploy', 'production', '--detach', '--json'])
  expect(detached.code).toBe(0)
  expect(JSON.parse(detached.stdout)).toMatchObject({ deployment: expect.stringMatching(/^d/) })
})

test('status names the control plane and every environment', async () => {
  const { code, stdout } = await sluice(['status', 'production', '--json'])
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({
    v: 1,
    controlPlane: { pid: process.pid, running: true },
    environments: [{ name: 'production', fleets: [], deployment: { id: expect.any(String), running: true } }],
  })
  const unknown = await sluice(['status', 'nowhere', '--json'])
  expect(unknown.code).toBe(2)
  expect(JSON.parse(unknown.stdout)).toMatchObject({ code: 'ENVIRONMENT_UNKNOWN' })
})

test('a secret comes by standard input and is shown by no command', async () => {
  const set = await sluice(['secret', 'set', 'production', 'API_KEY', '--json'], { input: 'geheim\n' })
  expect(set.code).toBe(0)
  expect(plane.engine.stored.get('shop.production/API_KEY')?.value).toBe('geheim')
  const list = await sluice(['secret', 'list', 'production'])
  expect(list.stdout).toContain('API_KEY')
  expect(`${set.stdout}${set.stderr}${list.stdout}${list.stderr}`).not.toContain('geheim')
  expect((await sluice(['secret', 'set', 'production', 'EMPTY', '--json'])).code).toBe(2)
  expect((await sluice(['secret', 'rm', 'production', 'API_KEY', '--json'])).code).toBe(0)
})

test('a secret that could not be handed over, or that goes nowhere, is refused', async () => {
  const refused = async (environment: string, input: string | Buffer) => {
    const { code, stdout } = await sluice(['secret', 'set', environment, 'KEY', '--json'], { input })
    expect(code).toBe(2)
    return (JSON.parse(stdout) as { message: string }).message
  }
  expect(await refused('production', 'a\0b')).toBe('the value of KEY holds a NUL character')
  expect(await refused('production', Buffer.from([0xff, 0xfe, 0x61]))).toBe('the value of KEY is not valid UTF-8')
  expect(await refused('production', 'x'.repeat(70_000))).toBe('the value of KEY is longer than 65536 characters')
  expect(await refused('production', '\n')).toBe('the value of KEY is an empty line')
  expect(await refused('prodution', 'value')).toBe('sluice.config.json has no environment prodution')
})

test('says beforehand whether a rollback would work', async () => {
  const { code, stdout } = await sluice(['rollback', 'production', '--check', '--json'])
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ v: 1, possible: true, way: 'warm', lastSeconds: 0.21 })
})

test('prints the version, help and completion without a control plane', async () => {
  const nowhere = { home: join(plane.project, 'no-home') }
  expect((await sluice(['--version'], nowhere)).stdout.trim()).toBe(version)
  const help = await sluice(['--help'], nowhere)
  expect(help).toMatchObject({ code: 0 })
  expect(help.stdout).toContain('rollback')
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { code, stdout } = await sluice(['completion', shell], nowhere)
    expect(code, shell).toBe(0)
    expect(stdout).toContain('rollback')
  }
})

test('a home that cannot be used is refused with a cure', async () => {
  const root = await mkdtemp(join(tmpdir(), 'sluice-home-'))
  const file = join(root, 'file')
  await writeFile(file, '')
  const inFile = await sluice(['up', '--json'], { home: join(file, 'home') })
  expect(inFile.code).toBe(2)
  expect(JSON.parse(inFile.stdout)).toMatchObject({
    code: 'HOME_NOT_WRITABLE',
    hint: expect.stringContaining('--home'),
  })
  const impossible = await sluice(['up', '--json'], { home: '/proc/sluice/home' })
  expect(impossible.code).toBe(2)
  if (process.getuid?.() !== 0) {
    const readOnly = join(root, 'read-only')
    await mkdir(readOnly)
    await chmod(readOnly, 0o500)
    expect((await sluice(['up', '--json'], { home: join(readOnly, 'home') })).code).toBe(2)
  }
  await rm(root, { recursive: true, force: true })
})

/** A file system of its own takes the right to mount one. */
const mounts = await run(['unshare', '--mount', 'true'], { env: process.env, timeoutMs: 20_000 }).catch(() => null)

test.runIf(mounts?.code === 0)('a home on a read-only file system is refused with a cure', async () => {
  const root = await mkdtemp(join(tmpdir(), 'sluice-read-only-'))
  const script = 'mount -t tmpfs -o ro none "$0" && exec "$@"'
  const bin = join(import.meta.dirname, '..', '..', 'bin', 'sluice')
  for (const verb of ['up', 'status']) {
    const argv = [process.execPath, bin, verb, '--json', '--home', join(root, 'home')] as const
    const { code, stdout } = await run(['unshare', '--mount', 'sh', '-c', script, root, ...argv], {
      env: { PATH: process.env.PATH, HOME: '/' },
      timeoutMs: 30_000,
    })
    const expected = verb === 'up' ? { status: 'error', code: 'HOME_NOT_WRITABLE' } : { status: 'ok', environments: [] }
    expect(JSON.parse(stdout), verb).toMatchObject(expected)
    expect(code, verb).toBe(verb === 'up' ? 2 : 0)
  }
  await rm(root, { recursive: true, force: true })
})

test('the systemd unit ends the control plane alone', async () => {
  const { code, stdout } = await sluice(['up', '--print-systemd'])
  expect(code).toBe(0)
  expect(stdout).toContain('KillMode=process')
  expect(stdout).toContain('Restart=always')
  expect(stdout).toMatch(/^ExecStart="?\//m)
  expect(stdout).toContain(`SLUICE_HOME=${plane.home}`)
})

test('bash completes commands, and environments where one is expected', async () => {
  const { stdout: script } = await sluice(['completion', 'bash'])
  const { stdout: names } = await sluice(['completion', 'environments'])
  expect(names.trim().split('\n')).toEqual(['production', 'staging'])
  const complete = async (...words: string[]) => {
    const program = `sluice() { case "$*" in
      'completion environments') printf 'production\nstaging\n' ;;
      'completion releases production') printf 'r1\nr2\n' ;;
      'completion deployments') printf 'd1\nd2\n' ;;
    esac; }
${script}
COMP_WORDS=(sluice ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}; _sluice; printf '%s ' "\${COMPREPLY[@]}"`
    return (await run(['bash', '-c', program], { timeoutMs: 10_000, env: process.env })).stdout.trim().split(' ')
  }
  expect(await complete('dep')).toEqual(['deploy'])
  expect(await complete('deploy', 'st')).toEqual(['staging'])
  expect(await complete('secret', 's')).toEqual(['set'])
  expect(await complete('secret', 'set', 'pro')).toEqual(['production'])
  expect(await complete('rollback', '--detach', 'production', 'r')).toEqual(['r1', 'r2'])
  expect(await complete('logs', 'production', '--release', 'r2')).toEqual(['r2'])
  expect(await complete('cancel', '')).toEqual(['d1', 'd2'])
  expect(await complete('judge', 'replay', 'd2')).toEqual(['d2'])
  expect(await complete('deploy', 'staging', '--until', '')).toEqual(['serving'])
})

test('completion asks the control plane that runs, starts none, and is silent about one that hangs', async () => {
  await sluice(['deploy', 'production', '--detach'])
  const deployments = await sluice(['completion', 'deployments'])
  expect(deployments.stdout.split('\n')).toContain(plane.engine.rows.at(-1)?.id)

  const silent = await silentControlPlane()
  const nowhere = join(silent.project, 'no-home')
  for (const kind of ['environments', 'releases', 'deployments']) {
    for (const home of [silent.home, nowhere]) {
      const { code, stdout, stderr } = await sluice(['completion', kind], { home, cwd: silent.project })
      expect({ code, stderr, names: stdout.trim() }).toEqual({
        code: 0,
        stderr: '',
        names: kind === 'environments' ? 'production\nstaging' : '',
      })
    }
  }
  expect(existsSync(nowhere)).toBe(false)
  await silent.close()
})

test('doctor names each check with its state, and init writes nothing without being told', async () => {
  const { stdout } = await sluice(['doctor', '--json'])
  const { checks } = JSON.parse(stdout) as { readonly checks: readonly { name: string; state: string }[] }
  expect(checks.map(({ name }) => name)).toEqual(expect.arrayContaining(['node', 'home', 'disk', 'control plane']))
  expect(checks.every(({ state }) => ['ok', 'warn', 'fail'].includes(state))).toBe(true)
  expect(checks.find(({ name }) => name === 'configuration')?.state).toBe('ok')

  const fresh = await mkdtemp(join(tmpdir(), 'sluice-init-'))
  await writeFile(join(fresh, 'package.json'), JSON.stringify({ name: 'shop', scripts: { start: 'node server.js' } }))
  await writeFile(join(fresh, 'server.js'), '')
  expect((await sluice(['init', '--json'], { cwd: fresh })).code).toBe(2)
  expect((await sluice(['init', '--yes', '--json'], { cwd: fresh })).code).toBe(0)
  expect((await sluice(['config', 'validate', '--json'], { cwd: fresh })).code).toBe(0)
  await rm(fresh, { recursive: true, force: true })
})

test.runIf(process.getuid?.() === 0)(
  'a home of another user is refused by each command, never shown as one where nothing runs',
  async () => {
    const home = await mkdtemp(join(tmpdir(), 'sluice-foreign-'))
    await mkdir(join(home, 'control'), { mode: 0o700 })
    await writeFile(join(home, 'control', 'control.json'), '{}', { mode: 0o600 })
    await chmod(home, 0o755)
    // Every command is loaded before the user changes: the clone may be closed to that user.
    const program = `
      const { commands } = await import(${asModule('commands/index.ts')})
      const { runCli } = await import(${asModule('run-cli.ts')})
      for (const command of commands) await command.load()
      process.chdir('/')
      process.setgroups([12345]); process.setgid(12345); process.setuid(12345)
      const { stdin, stdout, stderr, execPath, platform } = process
      const environment = { PATH: process.env.PATH, HOME: '/', SLUICE_HOME: ${JSON.stringify(home)} }
      const interrupted = new AbortController().signal
      process.exitCode = await runCli(
        { argv: process.argv.slice(1), cwd: '/', environment, execPath, platform, stdin, stdout, stderr, interrupted })`
    const asStranger = async (...args: string[]) => {
      const argv = [process.execPath, '--input-type=module', '-e', program, '--', ...args, '--json'] as const
      const { code, stdout } = await run(argv, { cwd: home, env: { PATH: process.env.PATH }, timeoutMs: 30_000 })
      return { code, document: JSON.parse(stdout) as unknown }
    }
    // The folder of root, and one that is the user's own with a part of root in it, as one `sudo` leaves it.
    for (const owner of [0, 12_345]) {
      await chown(home, owner, owner)
      for (const verb of ['status', 'up', 'down']) {
        const { code, document } = await asStranger(verb)
        expect(document, verb).toMatchObject({ v: 1, status: 'error', code: 'HOME_FOREIGN' })
        expect(code, verb).toBe(2)
      }
    }
    await rm(home, { recursive: true, force: true })
  },
)

function asModule(file: string): string {
  return JSON.stringify(new URL(file, import.meta.url).href)
}
