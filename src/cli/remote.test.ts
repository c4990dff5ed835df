import { mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { serveApi } from '../api/index.ts'
import { servedApi, TOKEN } from '../api/testing/served.ts'
import { makeCertificate } from '../edge/testing/certificate.ts'
import { type RunSluiceOptions, runSluice } from './testing/run-sluice.ts'

let root = ''
let url = ''
let plane: Awaited<ReturnType<typeof servedApi>>
let close = async () => {}
let environment: Record<string, string> = {}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'sluice-remote-'))
  await mkdir(join(root, 'elsewhere'))
  plane = await servedApi()
  const { certFile, keyFile } = await makeCertificate(root, 'localhost')
  const [cert, key] = await Promise.all([readFile(certFile, 'utf8'), readFile(keyFile, 'utf8')])
  const door = { kind: 'public', isNamed: (host: string) => host === 'localhost' } as const
  const certificate = { current: () => ({ cert, key }), onChange: () => {} }
  const served = await serveApi({ api: plane.api, host: 'localhost', port: 0, door, certificate })
  url = `https://localhost:${served.port}`
  environment = { XDG_CONFIG_HOME: join(root, 'config'), SLUICE_CA: certFile, SLUICE_USER: 'Zoë' }
  close = () => served.close()
})
afterAll(async () => {
  await close()
  await plane?.close()
  await rm(root, { recursive: true, force: true })
})

const sluice = (args: readonly string[], options: Partial<RunSluiceOptions> = {}) =>
  runSluice([...args, '--json'], {
    home: join(root, 'no-home'),
    cwd: join(root, 'elsewhere'),
    ...options,
    environment: { ...environment, ...options.environment },
  })

async function answer(args: readonly string[], options: Partial<RunSluiceOptions> = {}) {
  const { code, stdout, stderr } = await sluice(args, options)
  return { code, stderr, document: JSON.parse(stdout) as Record<string, unknown> }
}

test('an unknown authority, a wrong name and a wrong token are refused, and nothing is kept', async () => {
  const untrusting = await answer(['login', url], { input: TOKEN, environment: { SLUICE_CA: '' } })
  expect(untrusting).toMatchObject({ code: 3, document: { code: 'CONTROL_PLANE_UNTRUSTED' } })
  expect(untrusting.document.hint).toContain('SLUICE_CA')
  const misnamed = await answer(['login', url.replace('localhost', '127.0.0.1')], { input: TOKEN })
  expect(misnamed).toMatchObject({ code: 3, document: { code: 'CONTROL_PLANE_UNTRUSTED' } })
  const wrong = await answer(['login', url], { input: 'sluice_wrong' })
  expect(wrong).toMatchObject({ code: 3, document: { code: 'UNAUTHORIZED' } })
  const unknown = await answer(['status', '--url', url])
  expect(unknown).toMatchObject({ code: 3, document: { code: 'UNAUTHORIZED' } })
  expect(unknown.document.hint).toContain(`sluice login ${url}`)
  expect(await answer(['login', 'ftp://x'], { input: TOKEN })).toMatchObject({ code: 2 })
})

test('after a login the commands ask the control plane elsewhere, and touch no home here', async () => {
  const login = await answer(['login', `${url}/`], { input: `${TOKEN}\n` })
  expect(login).toMatchObject({ code: 0, document: { status: 'ok', url, version: '1.2.3' } })
  const file = join(root, 'config', 'sluice', 'credentials.json')
  expect((await stat(file)).mode & 0o777).toBe(0o600)

  const there = { environment: { SLUICE_URL: url } }
  expect(await answer(['status'], there)).toMatchObject({
    code: 0,
    document: { controlPlane: { pid: process.pid, running: true, version: '1.2.3' } },
  })
  const secret = await answer(['secret', 'set', 'shop.production', 'KEY'], { ...there, input: 'value' })
  expect(secret).toMatchObject({ code: 0, document: { name: 'KEY', version: 1 } })
  expect(plane.engine.actors.at(-1)).toEqual({ kind: 'owner', id: 'owner', name: 'owner', label: 'Zoë' })
  expect(await answer(['releases'], there)).toMatchObject({ code: 0, document: { releases: [] } })
  expect(await answer(['env', 'list', '--url', url])).toMatchObject({ code: 0 })
  const byVariable = { environment: { SLUICE_URL: url, SLUICE_TOKEN: TOKEN, XDG_CONFIG_HOME: join(root, 'none') } }
  expect(await answer(['status'], byVariable)).toMatchObject({ code: 0 })
  await expect(stat(join(root, 'no-home'))).rejects.toMatchObject({ code: 'ENOENT' })
})

test('what is about the machine says so', async () => {
  for (const args of [['up'], ['down'], ['doctor']]) {
    const { code, document } = await answer(args, { environment: { SLUICE_URL: url } })
    expect([code, document.code], args.join(' ')).toEqual([2, 'USAGE'])
    expect(document.hint).toContain('SLUICE_URL')
  }
})

test('after a logout nothing is known any more', async () => {
  expect(await answer(['logout', url])).toMatchObject({ code: 0, document: { forgotten: true } })
  expect(await answer(['status', '--url', url])).toMatchObject({ code: 3, document: { code: 'UNAUTHORIZED' } })
  expect(await answer(['logout', url])).toMatchObject({ document: { forgotten: false } })
})
