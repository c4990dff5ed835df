import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, chown, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { homeAt } from '../../support/home.ts'
import type { Context } from '../command.ts'
import { homeFolder, privacy } from './home.ts'
import { ports } from './installation.ts'
import { clock, node, systemd } from './machine.ts'

let root: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'sluice-doctor-'))
})
afterAll(() => rm(root, { recursive: true, force: true }))

/** What an examination reads of a context. */
const contextAt = (home: string) =>
  ({
    home: homeAt(home),
    cwd: home,
    configFile: undefined,
    environment: process.env,
    execPath: process.execPath,
  }) as Context

test('this Node and this clock are well, a clock of the last century is not', async () => {
  expect(await node()).toMatchObject({ state: 'ok' })
  expect(await clock(contextAt(root))).toMatchObject({ state: 'ok' })
  const old = await clock(contextAt(root), new Date('1999-12-31T00:00:00Z'))
  expect(old).toMatchObject({ state: 'fail', cure: 'set the clock, best by NTP' })
})

test('a token or a key that others may read is told, with the command that cures it', async () => {
  const home = homeAt(join(root, 'open'))
  await mkdir(home.control, { recursive: true })
  await mkdir(home.secrets, { recursive: true })
  const token = join(home.control, 'token')
  await writeFile(token, 'secret', { mode: 0o600 })
  await writeFile(join(home.secrets, 'key'), 'secret', { mode: 0o600 })
  expect(await privacy(contextAt(home.root))).toMatchObject({ state: 'ok' })
  await chmod(token, 0o644)
  expect(await privacy(contextAt(home.root))).toMatchObject({ state: 'fail', cure: `chmod 600 ${token}` })
})

test('a home of another user is told, and one that is not there yet is none', async () => {
  const { uid } = await stat(root)
  expect(await privacy(contextAt(root), uid + 1)).toMatchObject({
    state: 'fail',
    detail: `${root} belongs to another user (uid ${uid})`,
  })
  const missing = contextAt(join(root, 'not', 'there'))
  expect(await privacy(missing, uid + 1)).toMatchObject({ state: 'ok' })
  expect(await homeFolder(missing)).toMatchObject({ state: 'ok' })
})

test('a public port that a stranger holds is told', async () => {
  const stranger = createServer()
  await new Promise<void>((listening) => stranger.listen(0, listening))
  const { port } = stranger.address() as AddressInfo
  const project = join(root, 'project')
  await mkdir(project)
  const config = {
    project: 'shop',
    services: { web: { start: 'node server.js' } },
    environments: { production: { edge: { http: port } } },
  }
  await writeFile(join(project, 'sluice.config.json'), JSON.stringify(config))
  expect(await ports(contextAt(project))).toMatchObject({
    state: 'fail',
    detail: expect.stringContaining(
      process.platform === 'linux'
        ? `${port} is taken by process ${process.pid} `
        : `${port} is taken by another program`,
    ),
  })
  await new Promise((closed) => stranger.close(closed))
  expect(await ports(contextAt(project))).toMatchObject({ state: 'ok', detail: `${port} can be served on` })
})

test.runIf(process.platform === 'linux')(
  'a port of our own edge is no stranger, also while no control plane tells so',
  async () => {
    const home = join(root, 'served')
    const project = join(root, 'served-project')
    await mkdir(home)
    await mkdir(project)
    const program = "const s = require('node:net').createServer().listen(0, () => console.log(s.address().port))"
    const edge = spawn(process.execPath, ['-e', program, '--', '--directory', join(home, 'edge')])
    try {
      const [chunk] = (await once(edge.stdout, 'data')) as [Buffer]
      const port = Number(chunk.toString())
      const config = {
        project: 'shop',
        services: { web: { start: 'node server.js' } },
        environments: { production: { edge: { http: port } } },
      }
      await writeFile(join(project, 'sluice.config.json'), JSON.stringify(config))
      const at = (where: string) => ({ ...contextAt(where), cwd: project }) as Context
      expect(await ports(at(home))).toMatchObject({ state: 'ok' })
      expect(await ports(at(join(root, 'another')))).toMatchObject({ state: 'fail' })
    } finally {
      edge.kill('SIGKILL')
    }
  },
)

test.runIf(process.getuid?.() === 0)('a folder within the home that belongs to another user is told', async () => {
  const home = homeAt(join(root, 'after-sudo'))
  await mkdir(home.control, { recursive: true })
  await chown(home.root, 12_345, 12_345)
  expect(await privacy(contextAt(home.root), 12_345)).toMatchObject({
    state: 'fail',
    detail: `${home.control} belongs to another user (uid 0)`,
  })
})

test('a user whose units end with the last login is told how to keep them', async () => {
  const facts = { running: join(root, 'systemd'), linger: join(root, 'linger'), uid: 1000, user: 'ann' }
  const context = contextAt(root)
  expect(await systemd(context, facts)).toMatchObject({
    state: 'warn',
    detail: expect.stringContaining('not running'),
  })
  await mkdir(facts.running)
  await mkdir(facts.linger)
  expect(await systemd(context, facts)).toMatchObject({ state: 'warn', cure: 'loginctl enable-linger' })
  expect(await systemd(context, { ...facts, uid: 0 })).toMatchObject({ state: 'ok' })
  await writeFile(join(facts.linger, 'ann'), '')
  expect(await systemd(context, facts)).toMatchObject({ state: 'ok' })
})
