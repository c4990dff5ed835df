import { execFile } from 'node:child_process'
import { chown, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'

const call = promisify(execFile)
const start = pathToFileURL(join(import.meta.dirname, 'start.ts')).href
const isRoot = process.getuid?.() === 0
let home = '/usr'
beforeAll(async () => {
  if (!isRoot) return
  home = await mkdtemp(join(tmpdir(), 'sluice-foreign-'))
  await chown(home, 12_345, 12_345)
})
afterAll(async () => {
  if (isRoot) await rm(home, { recursive: true, force: true })
})

test('a home that belongs to another user is refused before anything is written there', async () => {
  // Root may do everything: it becomes somebody else first, after the modules were read.
  const program = `
    const { ensureControlPlane } = await import(${JSON.stringify(start)})
    if (${isRoot}) { process.setgid(65534); process.setuid(65534) }
    const error = await ensureControlPlane({ homeRoot: ${JSON.stringify(home)}, execPath: process.execPath, environment: {} }).catch((error) => error)
    console.log(JSON.stringify({ code: error.code, hint: error.hint }))`
  const { stdout } = await call(process.execPath, ['--input-type=module', '--eval', program])
  expect(JSON.parse(stdout)).toEqual({
    code: 'HOME_FOREIGN',
    hint: 'choose another folder with --home or SLUICE_HOME, or run as that user',
  })
})
