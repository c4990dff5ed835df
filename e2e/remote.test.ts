import { execFile } from 'node:child_process'
import { appendFile, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runSluice } from '../src/cli/testing/run-sluice.ts'
import { freePort } from '../src/support/testing/free-port.ts'
import { type Installation, installation, must } from './support/installation.ts'

const call = promisify(execFile)
const HANGING_MS = 180_000

/** A control plane for a team: the server is one home, the client another, and they share nothing but HTTPS. */
let server: Installation
let root = ''
let project = ''
let url = ''
let authority = ''

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'sluice-client-'))
  project = join(root, 'repository', 'apps', 'web')
  await mkdir(project, { recursive: true })
  const tls = await certificateOf(root, 'localhost')
  authority = tls.authority
  server = await installation({ environments: { production: 'rolling', strict: 'rolling' } })
  await server.setService({}) // its folder stays the server's own
  const port = await freePort()
  url = `https://localhost:${port}`
  const up = await server.sluice('up', '--listen', `localhost:${port}`, '--tls-cert', tls.cert, '--tls-key', tls.key)
  expect(up.document, JSON.stringify(up.document)).toMatchObject({ status: 'running', url })
  // The client's clone: the same application, in a folder of a repository.
  await cp(join(server.project, 'app.mjs'), join(project, 'app.mjs'))
  const document = JSON.parse(await readFile(join(server.project, 'sluice.config.json'), 'utf8'))
  document.environments.strict.requireClean = true
  await writeFile(join(project, 'sluice.config.json'), JSON.stringify(document))
  await git('init', '-q')
  await commit('first')
}, HANGING_MS)
afterAll(async () => {
  await server?.remove()
  await rm(root, { recursive: true, force: true })
}, HANGING_MS)

const git = (...args: string[]) =>
  call('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.c', ...args], { cwd: join(root, 'repository') })
async function commit(message: string): Promise<string> {
  await git('add', '-A')
  await git('commit', '-q', '-m', message)
  return (await git('rev-parse', 'HEAD')).stdout.trim()
}

async function sluice(...args: string[]) {
  const { code, stdout, stderr } = await runSluice([...args, '--json'], {
    home: join(root, 'home'),
    cwd: project,
    input: args[0] === 'login' ? await readFile(join(server.home, 'control', 'token'), 'utf8') : '',
    environment: {
      XDG_CONFIG_HOME: join(root, 'config'),
      SLUICE_CA: authority,
      ...(args[0] === 'login' ? {} : { SLUICE_URL: url }),
    },
  })
  return { code, document: JSON.parse(stdout || '{}') as Record<string, unknown>, stderr }
}

test(
  'deploys, follows, shows logs and goes back from another machine, which keeps nothing but its token',
  async () => {
    expect(await sluice('login', url)).toMatchObject({ code: 0 })
    const first = await sluice('deploy', 'production')
    expect(first.document, JSON.stringify(first)).toMatchObject({ status: 'succeeded', release: 'r1' })
    const sha = (await git('rev-parse', 'HEAD')).stdout.trim()
    const shown = await sluice('releases', 'show', 'r1')
    expect(shown.document.record).toMatchObject({ source: { commit: sha, dirty: false, subject: 'first' } })
    const [address = ''] = first.document.urls as string[]
    const answer = await fetch(address.replace('localhost', '127.0.0.1'))
    expect(answer.headers.get('x-sluice-release')).toBe('r1')
    expect((await sluice('logs', 'production')).code).toBe(0)

    await appendFile(join(project, 'app.mjs'), '// changed, and in no commit\n')
    const second = await sluice('deploy', 'production')
    expect(second.document, JSON.stringify(second)).toMatchObject({ status: 'succeeded', release: 'r2' })
    expect((await sluice('releases', 'show', 'r2')).document.record).toMatchObject({
      source: { commit: null, dirty: true },
    })
    expect((await sluice('rollback', 'production')).document).toMatchObject({ status: 'succeeded', release: 'r1' })
    expect((await sluice('status', 'production')).document.environments).toMatchObject([{ release: 'r1' }])
    await expect(stat(join(root, 'home'))).rejects.toMatchObject({ code: 'ENOENT' })
  },
  HANGING_MS,
)

test(
  'the same commit is not built twice, and its configuration is its own, whatever the working tree says',
  async () => {
    await git('checkout', '-q', '.')
    const config = join(project, 'sluice.config.json')
    await writeFile(config, (await readFile(config, 'utf8')).replace('"project":"bench"', '"project":"other"'))
    const again = await sluice('deploy', 'production', '--commit', 'HEAD')
    expect(again.document, JSON.stringify(again)).toMatchObject({
      status: 'succeeded',
      project: 'bench',
    })
    const shown = await sluice('releases', 'show', String(again.document.release))
    expect(shown.document.differences).toContain('same artifact')
    await git('checkout', '-q', '.')
  },
  HANGING_MS,
)

test(
  'who wants a commit gets one: neither changes nor a false proof pass',
  async () => {
    await appendFile(join(project, 'app.mjs'), '// sneaked in\n')
    expect(await sluice('deploy', 'strict')).toMatchObject({ code: 3, document: { code: 'TREE_DIRTY' } })
    // A client that lies: the proof of a commit beside the upload of something else.
    const uploads = join(server.home, 'uploads')
    const [upload = ''] = (await readdir(uploads)).slice(-1)
    const object = (await call('git', ['cat-file', 'commit', 'HEAD'], { cwd: project })).stdout
    const source = { kind: 'upload', upload, commit: { object, trees: [] } }
    const token = (await readFile(join(server.home, 'control', 'token'), 'utf8')).trim()
    const { port } = JSON.parse(await readFile(join(server.home, 'control', 'control.json'), 'utf8')) as {
      port: number
    }
    const lied = await fetch(`http://127.0.0.1:${port}/api/v1/deployments`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ environment: 'strict', source }),
    })
    expect([lied.status, await lied.json()]).toMatchObject([409, { code: 'TREE_DIRTY' }])
    await git('checkout', '-q', '.')
    const honest = await sluice('deploy', 'strict')
    expect(honest.document, JSON.stringify(honest)).toMatchObject({ status: 'succeeded', environment: 'strict' })
  },
  HANGING_MS,
)

test(
  'a mistake in the configuration is told before anything is recorded',
  async () => {
    const before = (await sluice('status', 'production')).document.environments
    await writeFile(
      join(project, 'sluice.config.json'),
      '{ "project": "bench", "services": { "web": { "starts": 1 } } }',
    )
    const { code, document } = await sluice('deploy', 'production')
    expect(code).toBe(2)
    expect(document).toMatchObject({ code: 'CONFIG_INVALID' })
    expect((document.problems as unknown[]).length).toBeGreaterThan(1)
    expect((await sluice('status', 'production')).document.environments).toEqual(before)
    await git('checkout', '-q', '.')
  },
  HANGING_MS,
)

test(
  'a restart keeps the port, the listener and the logins',
  async () => {
    const record = async () =>
      JSON.parse(await readFile(join(server.home, 'control', 'control.json'), 'utf8')) as { port: number; pid: number }
    const before = await record()
    must(await server.sluice('down'), 'stopped')
    expect((await sluice('status')).document).toMatchObject({ code: 'CONTROL_PLANE_UNREACHABLE' })
    must(await server.sluice('up'), 'running')
    expect(await record()).toMatchObject({ port: before.port })
    expect((await sluice('status')).document).toMatchObject({ status: 'ok' })
    must(await server.sluice('up', '--listen', 'off'), 'running')
    expect((await sluice('status')).document).toMatchObject({ code: 'CONTROL_PLANE_UNREACHABLE' })
  },
  HANGING_MS,
)

/** A certificate for the host, signed by an authority that nobody else knows. */
async function certificateOf(directory: string, host: string) {
  const file = (name: string) => join(directory, name)
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const openssl = (...args: string[]) => call('openssl', args, { cwd: directory })
  await openssl('req', '-x509', ...key, '-days', '2', '-subj', '/CN=authority', '-keyout', 'ca.key', '-out', 'ca.crt')
  await openssl('req', ...key, '-subj', `/CN=${host}`, '-keyout', 'server.key', '-out', 'server.csr')
  await writeFile(file('names'), `subjectAltName=DNS:${host}\n`)
  const sign = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'names']
  await openssl('x509', '-req', '-in', 'server.csr', ...sign, '-out', 'server.crt')
  return { authority: file('ca.crt'), cert: file('server.crt'), key: file('server.key') }
}
