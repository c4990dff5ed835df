import { chmod, mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { packFolder, unpackBundle } from './bundle.ts'

const limits = { entries: 20, bytes: 10_000 }
let root = ''
let out = ''
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'sluice-bundle-'))
  onTestFinished(() => rm(root, { recursive: true, force: true }))
  out = join(root, 'parent', 'out')
  await mkdir(out, { recursive: true })
})

function head(value: object): Buffer {
  const text = Buffer.from(JSON.stringify(value))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(text.length)
  return Buffer.concat([length, text])
}
const file = (path: string, text = 'x', more: object = {}) =>
  Buffer.concat([head({ path, kind: 'file', size: text.length, ...more }), Buffer.from(text)])
const link = (path: string, to: string) => head({ path, kind: 'link', to })

async function unpack(...parts: readonly Buffer[]): Promise<void> {
  const bundle = join(root, 'bundle')
  await writeFile(bundle, gzipSync(Buffer.concat([Buffer.from('sluice-bundle 1\n'), ...parts])))
  await unpackBundle(bundle, out, limits)
}
const refused = (...parts: readonly Buffer[]) =>
  expect(unpack(...parts)).rejects.toMatchObject({ code: 'UPLOAD_INVALID', hint: expect.any(String) })

test('a folder comes out as it went in', async () => {
  const from = join(root, 'from')
  await mkdir(join(from, 'a', 'empty'), { recursive: true })
  await writeFile(join(from, 'a', 'text ü'), 'hello')
  await writeFile(join(from, 'run'), '#!/bin/sh')
  await chmod(join(from, 'run'), 0o755)
  await writeFile(join(from, 'nothing'), '')
  await symlink('../run', join(from, 'a', 'link'))
  await packFolder(from, join(root, 'packed'), new AbortController().signal)
  await unpackBundle(join(root, 'packed'), out, limits)
  expect(await readFile(join(out, 'a', 'text ü'), 'utf8')).toBe('hello')
  expect((await stat(join(out, 'run'))).mode & 0o777).toBe(0o755)
  expect((await stat(join(out, 'nothing'))).size).toBe(0)
  expect(await readlink(join(out, 'a', 'link'))).toBe('../run')
  expect(await readdir(join(out, 'a', 'empty'))).toEqual([])
})

test.each([
  '/etc/passwd',
  '../outside',
  'a/../../outside',
  'a/./b',
  'a//b',
  '',
  '..',
  'a\0b',
  'x'.repeat(256),
  '.git/hooks/post-checkout',
  'a/.GIT/config',
])('a path that is none inside of it is refused: %j', async (path) => {
  await refused(file(path))
  expect(await readdir(join(root, 'parent'))).toEqual(['out'])
})

test('a link may lead around inside, and nowhere else', async () => {
  await unpack(file('a/b', 'x'), link('c', 'a/b'), link('a/up', '../a/b'))
  expect(await readFile(join(out, 'c'), 'utf8')).toBe('x')
})

test.each([
  [[link('a', '/etc')]],
  [[link('a', '../..')]],
  [[link('a', '..')]],
  [[link('d/a', '../../x')]],
  [[link('a', '')]],
  // Through another link, whose end its name does not tell.
  [[file('d/f'), link('d/up', '..'), link('out', 'd/up/../../x')]],
])('a link that leads out is refused', async (parts) => {
  await refused(...parts)
})

test('nothing is written through a link, over another entry, or as a device', async () => {
  await refused(link('a', 'b'), file('a/x'))
  await refused(file('a/x'), link('a', 'b'))
  await refused(file('a'), file('a'))
  await refused(file('b'), file('b/x'))
  await refused(head({ path: 'null', kind: 'device', size: 0 }))
})

test('more than the limits is refused before it is written', async () => {
  await refused(head({ path: 'large', kind: 'file', size: 10_001 }))
  await refused(file('a', 'x'.repeat(6000)), file('b', 'x'.repeat(6000)))
  await refused(...Array.from({ length: 21 }, (_, index) => file(`f${index}`)))
  await refused(head({ path: 'a', kind: 'file', size: -1 }))
  await refused(head({ path: 'a', kind: 'file', size: 2 ** 60 }))
})

test('what is damaged, cut off or something else is told', async () => {
  await refused(head({ path: 'a', kind: 'file', size: 10 }))
  await refused(Buffer.from([255, 255, 255, 255]))
  await refused(Buffer.from([0, 0, 0, 2]), Buffer.from('no'))
  for (const content of [
    Buffer.from('PK'),
    gzipSync('something else'),
    gzipSync('sluice-bundle 1\n').subarray(0, 20),
  ]) {
    await writeFile(join(root, 'broken'), content)
    await expect(unpackBundle(join(root, 'broken'), out, limits)).rejects.toMatchObject({ code: 'UPLOAD_INVALID' })
  }
})
