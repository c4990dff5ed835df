import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeSource } from '../build/source.ts'
import { run } from '../support/run.ts'
import { describeRevision } from './revision.ts'

let folder: string
const git = (...args: string[]) =>
  run(['git', '-c', 'user.name=a', '-c', 'user.email=a@b.c', ...args], { cwd: folder, timeoutMs: 30_000 })

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-source-'))
  await git('init', '-q')
  await writeFile(join(folder, 'a'), '1')
  await git('add', '.')
  await git('commit', '-q', '-m', 'First')
  await git('tag', 'v1')
  await writeFile(join(folder, 'a'), '2')
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('a named commit is clean, whatever the working tree holds', async () => {
  const head = (await git('rev-parse', 'HEAD')).stdout.trim()
  expect(await describeRevision('v1', { cwd: folder, env: process.env })).toEqual({
    commit: head,
    branch: null,
    subject: 'First',
    dirty: false,
  })
  expect((await describeSource(folder, process.env)).dirty).toBe(true)
})

test('a commit that is not there, or is an option in disguise, is refused with a cure', async () => {
  for (const revision of ['v2', '--output=/tmp/sluice-no']) {
    await expect(describeRevision(revision, { cwd: folder, env: process.env })).rejects.toMatchObject({
      code: 'SOURCE_INVALID',
    })
  }
})
