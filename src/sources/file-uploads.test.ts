import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { packFolder } from './bundle.ts'
import { fileUploads } from './file-uploads.ts'
import type { Uploads } from './uploads.ts'

let directory = ''
let bundle: Buffer
let announced = { bytes: 0, sha256: '' }
let uploads: Uploads
beforeEach(async () => {
  const root = await mkdtemp(join(tmpdir(), 'sluice-uploads-'))
  onTestFinished(() => rm(root, { recursive: true, force: true }))
  directory = join(root, 'uploads')
  await mkdir(join(root, 'from'))
  await writeFile(join(root, 'from', 'a'), 'hello')
  await packFolder(join(root, 'from'), join(root, 'bundle'), new AbortController().signal)
  bundle = await readFile(join(root, 'bundle'))
  announced = { bytes: bundle.length, sha256: createHash('sha256').update(bundle).digest('hex') }
  uploads = fileUploads({ directory })
})

async function* pieces(...parts: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* parts
}
async function* broken(part: Buffer): AsyncGenerator<Buffer> {
  yield part
  throw new Error('the connection was lost')
}

test('an upload is taken in pieces, gone on with after a loss, checked and unpacked', async () => {
  const { id } = await uploads.begin(announced)
  await expect(uploads.folder(id)).rejects.toMatchObject({ code: 'STATE_CONFLICT' })
  await expect(uploads.append(id, 0, broken(bundle.subarray(0, 10)))).rejects.toThrow('lost')
  expect(await uploads.get(id)).toEqual({ id, bytes: bundle.length, offset: 10, isComplete: false })
  await expect(uploads.append(id, 0, pieces(bundle))).rejects.toMatchObject({ code: 'STATE_CONFLICT' })
  expect(await uploads.append(id, 10, pieces(bundle.subarray(10)))).toMatchObject({ isComplete: true })
  const [folder, again] = await Promise.all([uploads.folder(id), uploads.folder(id)])
  expect(again).toBe(folder)
  expect(await readFile(join(folder, 'a'), 'utf8')).toBe('hello')
})

test('two pieces at the same time do not mix', async () => {
  const { id } = await uploads.begin(announced)
  const both = await Promise.allSettled([uploads.append(id, 0, pieces(bundle)), uploads.append(id, 0, pieces(bundle))])
  expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  expect(await uploads.get(id)).toMatchObject({ isComplete: true })
})

test('another content than was announced is refused and gone', async () => {
  const { id } = await uploads.begin({ ...announced, sha256: '0'.repeat(64) })
  await expect(uploads.append(id, 0, pieces(bundle))).rejects.toMatchObject({ code: 'UPLOAD_INVALID' })
  await expect(uploads.get(id)).rejects.toMatchObject({ code: 'UPLOAD_UNKNOWN' })
  expect(await readdir(directory)).toEqual([])
})

test('what is too large is refused when it is announced, and when it goes on behind that', async () => {
  const small = fileUploads({ directory, maxBytes: 100 })
  await expect(small.begin({ ...announced, bytes: 101 })).rejects.toMatchObject({
    code: 'UPLOAD_TOO_LARGE',
    status: 413,
  })
  const { id } = await uploads.begin({ ...announced, bytes: 5 })
  await expect(uploads.append(id, 0, pieces(bundle))).rejects.toMatchObject({ code: 'UPLOAD_TOO_LARGE' })
  expect((await uploads.get(id)).offset).toBeLessThanOrEqual(5)
})

test('names that are none of ours reach no file', async () => {
  for (const id of ['..', '../control/token', 'u', '', 'U000000000000000000000000']) {
    await expect(uploads.get(id)).rejects.toMatchObject({ code: 'UPLOAD_UNKNOWN' })
    await expect(uploads.folder(id)).rejects.toMatchObject({ code: 'UPLOAD_UNKNOWN' })
  }
})

test('what nobody used for long is removed, but for what is being deployed', async () => {
  const forgetful = fileUploads({ directory, keepMs: 0 })
  const [used, left] = [await forgetful.begin(announced), await forgetful.begin(announced)]
  await uploads.prune(new Set())
  expect(await readdir(directory)).toHaveLength(2)
  await forgetful.prune(new Set([used.id]))
  expect(await readdir(directory)).toEqual([used.id])
  await expect(uploads.get(left.id)).rejects.toMatchObject({ code: 'UPLOAD_UNKNOWN' })
})
