import { chmod, link, lstat, mkdir, mkdtemp, readFile, readlink, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { removeFolder } from '../support/remove-folder.ts'
import { run } from '../support/run.ts'
import type { ArtifactStore } from './artifact-store.ts'
import { fileArtifactStore } from './file-artifact-store.ts'

const meta = { buildKey: null, description: 'test' }
const limit = { maxBytes: 10_000_000 }
let root: string
let store: ArtifactStore

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'sluice-artifacts-'))
  store = newStore()
})

afterEach(async () => {
  await removeFolder(root)
})

function newStore(): ArtifactStore {
  return fileArtifactStore({ directory: join(root, 'artifacts'), trees: join(root, 'trees'), protectMs: 0 })
}

async function folder(name: string, files: Readonly<Record<string, string>>): Promise<string> {
  const directory = join(root, name)
  for (const [path, content] of Object.entries(files)) {
    await mkdir(join(directory, path, '..'), { recursive: true })
    await writeFile(join(directory, path), content)
  }
  return directory
}

function key(digit: string): string {
  return digit.repeat(64)
}

describe('an artifact store', () => {
  it('names an artifact by its content alone', async () => {
    const one = await store.add(await folder('one', { 'a.txt': 'a', 'b/c.txt': 'c' }), meta, limit)
    const same = await store.add(await folder('two', { 'b/c.txt': 'c', 'a.txt': 'a' }), meta, limit)
    const other = await store.add(await folder('three', { 'a.txt': 'a', 'b/d.txt': 'c' }), meta, limit)
    await chmod(join(root, 'two', 'a.txt'), 0o755)
    const executable = await store.add(join(root, 'two'), meta, limit)
    expect(same.id).toBe(one.id)
    expect(new Set([one.id, other.id, executable.id]).size).toBe(3)
    expect(one).toMatchObject({ files: 2, bytes: 2 })
  })

  it('gives back files, modes, links and empty folders, read-only', async () => {
    const source = await folder('source', { 'run.sh': '#!/bin/sh\n', 'lib/x.js': 'x' })
    await chmod(join(source, 'run.sh'), 0o755)
    await symlink('../run.sh', join(source, 'lib', 'link'))
    await mkdir(join(source, 'empty'))
    const { id } = await store.add(source, meta, limit)
    const tree = await store.tree(id)
    expect((await lstat(join(tree, 'run.sh'))).mode & 0o777).toBe(0o555)
    expect((await lstat(join(tree, 'lib', 'x.js'))).mode & 0o777).toBe(0o444)
    expect(await readlink(join(tree, 'lib', 'link'))).toBe('../run.sh')
    expect((await lstat(join(tree, 'empty'))).isDirectory()).toBe(true)
    for (const folder of ['', 'lib', 'empty']) expect((await lstat(join(tree, folder))).mode & 0o777).toBe(0o555)
    expect(await store.tree(id)).toBe(tree)
    expect(await newStore().tree(id)).toBe(tree)
  })

  it('shares files between artifacts and keeps their time, so that browsers keep what did not change', async () => {
    const first = await store.add(await folder('one', { same: 'same', own: '1' }), meta, limit)
    const second = await store.add(await folder('two', { same: 'same', own: '2' }), meta, limit)
    const [one, two] = await Promise.all(
      [first, second].map(async ({ id }) => lstat(join(await store.tree(id), 'same'))),
    )
    expect(one?.ino).toBe(two?.ino)
    expect(one?.mtimeMs).toBe(two?.mtimeMs)
  })

  it.each([
    ['an absolute link', '/etc/passwd'],
    ['a link upwards', '../../outside'],
  ])('refuses %s and names it', async (_, target) => {
    const source = await folder('source', { 'a/file': '' })
    await symlink(target, join(source, 'a', 'leak'))
    await expect(store.add(source, meta, limit)).rejects.toMatchObject({
      code: 'ARTIFACT_INVALID',
      message: expect.stringContaining('a/leak'),
    })
  })

  it('refuses a link that leads out by way of another one', async () => {
    const source = await folder('source', { 'a/b/c/file': '', 'x/file': '' })
    await symlink('../a/b/c', join(source, 'x', 'deep'))
    await symlink('x/deep/../../../../../outside', join(source, 'leak'))
    await mkdir(join(root, 'outside'))
    await expect(store.add(source, meta, limit)).rejects.toMatchObject({ code: 'ARTIFACT_INVALID' })
  })

  it('refuses a pipe', async () => {
    const source = await folder('source', { file: '' })
    await run(['mkfifo', join(source, 'pipe')], { timeoutMs: 5000 })
    await expect(store.add(source, meta, limit)).rejects.toMatchObject({ code: 'ARTIFACT_INVALID' })
  })

  it('refuses what is too large before it writes anything', async () => {
    const source = await folder('source', { big: 'x'.repeat(2000) })
    await expect(store.add(source, meta, { maxBytes: 1999 })).rejects.toMatchObject({ code: 'BUILD_TOO_LARGE' })
    await expect(lstat(join(root, 'artifacts'))).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('finds an artifact by any build key that gave it', async () => {
    const source = await folder('source', { a: 'a' })
    const { id } = await store.add(source, { ...meta, buildKey: key('1') }, limit)
    await store.add(source, { ...meta, buildKey: key('2') }, limit)
    expect((await newStore().find(key('1')))?.id).toBe(id)
    expect((await newStore().find(key('2')))?.id).toBe(id)
    expect(await store.find(key('3'))).toBeNull()
    expect(await store.find('../../etc')).toBeNull()
  })

  it('prunes by count and by use, and never a file that another artifact shares', async () => {
    const ids: string[] = []
    for (const name of ['one', 'two', 'three', 'four']) {
      const source = await folder(name, { same: 'same', own: name })
      ids.push((await store.add(source, { ...meta, buildKey: key(String(ids.length)) }, limit)).id)
      await store.tree(ids.at(-1) ?? '')
    }
    const [one, two, three, four] = ids as [string, string, string, string]
    const pruned = await store.prune({ keep: 1, inUse: [one] })
    expect(new Set(pruned)).toEqual(new Set([two, three]))
    expect(await store.get(two)).toBeNull()
    expect(await store.find(key('1'))).toBeNull()
    await expect(lstat(join(root, 'trees', two))).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(store.tree(two)).rejects.toMatchObject({ code: 'ARTIFACT_MISSING' })
    for (const id of [one, four]) {
      await removeFolder(join(root, 'trees', id))
      expect(await readFile(join(await newStore().tree(id), 'same'), 'utf8')).toBe('same')
    }
  })

  it('repairs a tree that lost a file', async () => {
    const { id } = await store.add(await folder('source', { a: 'a', 'b/c': 'c' }), meta, limit)
    const tree = await store.tree(id)
    await chmod(tree, 0o755)
    await removeFolder(join(tree, 'b'))
    expect(await readFile(join(await newStore().tree(id), 'b', 'c'), 'utf8')).toBe('c')
  })

  it('never starts a release from a file that somebody wrote into, and heals when it is built again', async () => {
    const source = await folder('source', { app: 'good', other: 'o' })
    const { id } = await store.add(source, { ...meta, buildKey: key('1') }, limit)
    const inTree = join(await store.tree(id), 'app')
    await chmod(inTree, 0o644)
    await writeFile(inTree, 'evil')
    await expect(newStore().tree(id)).rejects.toMatchObject({ code: 'ARTIFACT_MISSING' })
    expect(await store.find(key('1'))).toBeNull()
    expect((await store.add(source, meta, limit)).id).toBe(id)
    expect(await readFile(join(await newStore().tree(id), 'app'), 'utf8')).toBe('good')
  })

  it.each(['app', 'lib/deep/app'])('tells %s from what is written into it at once, of the same size', async (path) => {
    const { id } = await store.add(await folder('source', { [path]: 'good' }), { ...meta, buildKey: key('1') }, limit)
    const inTree = join(await store.tree(id), path)
    const stored = await lstat(inTree)
    await chmod(inTree, 0o644)
    await writeFile(inTree, 'evil')
    // No writer leaves a time that lies seconds before the moment at which the file was made.
    expect(stored.ctimeMs - stored.mtimeMs).toBeGreaterThan(2000)
    await expect(newStore().tree(id)).rejects.toMatchObject({ code: 'ARTIFACT_MISSING' })
  })

  it('tells a stored file from another one of the same size that was copied over it with its time', async () => {
    const { id } = await store.add(await folder('source', { a: 'good', b: 'evil' }), meta, limit)
    const tree = await store.tree(id)
    await chmod(join(tree, 'a'), 0o644)
    await run(['cp', '-p', '--no-preserve=mode', join(tree, 'b'), join(tree, 'a')], { timeoutMs: 5000 })
    expect(await readFile(join(tree, 'a'), 'utf8')).toBe('evil')
    await expect(newStore().tree(id)).rejects.toMatchObject({ code: 'ARTIFACT_MISSING' })
  })

  it('takes no stored file that was written into for what a later build gives', async () => {
    const { id } = await store.add(await folder('one', { app: 'good', own: '1' }), meta, limit)
    const inTree = join(await store.tree(id), 'app')
    await chmod(inTree, 0o644)
    await writeFile(inTree, 'evil')
    const later = await store.add(await folder('two', { app: 'good', own: '2' }), meta, limit)
    expect(await readFile(join(await store.tree(later.id), 'app'), 'utf8')).toBe('good')
    expect(await readFile(join(await newStore().tree(id), 'app'), 'utf8')).toBe('good')
  })

  it('goes on with what an earlier version stored, whose files have the time of their writing', async () => {
    const source = await folder('source', { app: 'good', other: 'o' })
    const { id } = await store.add(source, meta, limit)
    const tree = await store.tree(id)
    const writtenAt = new Date()
    for (const name of ['app', 'other']) await utimes(join(tree, name), writtenAt, writtenAt)
    const manifest = join(root, 'artifacts', 'manifests', id)
    const lines = (await readFile(manifest, 'utf8')).replaceAll(/"mtimeMs":[\d.]+/g, `"mtimeMs":${writtenAt.getTime()}`)
    await writeFile(manifest, lines)
    for (const path of ['', 'app']) await chmod(join(tree, path), path === '' ? 0o755 : 0o444)
    const { ino } = await lstat(join(tree, 'app'))
    expect(await newStore().tree(id)).toBe(tree)
    expect((await lstat(join(tree, 'app'))).ino).toBe(ino)
    expect((await lstat(tree)).mode & 0o777).toBe(0o555)
    expect((await store.add(source, meta, limit)).id).toBe(id)
    expect(await readFile(join(await newStore().tree(id), 'app'), 'utf8')).toBe('good')
  })

  it('closes its trees to their owner, and removes them all the same', async () => {
    const { id } = await store.add(await folder('source', { 'lib/app': 'good' }), meta, limit)
    const tree = await store.tree(id)
    await run(['chown', '-R', String(owner), root], { timeoutMs: 5000 })
    await asOwner(async () => {
      for (const path of ['cache', 'lib/cache']) {
        await expect(writeFile(join(tree, path), '')).rejects.toMatchObject({ code: 'EACCES' })
      }
      await newStore().prune({ keep: 0, inUse: [] })
    })
    await expect(lstat(tree)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('shows nothing of a half-written artifact, and clears it away later', async () => {
    const { id } = await store.add(await folder('source', { a: 'a' }), meta, limit)
    const artifacts = join(root, 'artifacts')
    // What a kill in the middle leaves: contents without record, a manifest without record, a tree under way.
    await mkdir(join(artifacts, 'files', 'ff'), { recursive: true })
    await writeFile(join(artifacts, 'files', 'ff', key('f')), 'x')
    await writeFile(join(artifacts, 'manifests', key('f')), '')
    await folder('trees/.unfinished', { a: 'a' })
    expect(await newStore().get(key('f'))).toBeNull()
    await expect(newStore().tree(key('f'))).rejects.toMatchObject({ code: 'ARTIFACT_MISSING' })
    await newStore().prune({ keep: 1, inUse: [] })
    await expect(lstat(join(artifacts, 'files', 'ff', key('f')))).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(lstat(join(root, 'trees', '.unfinished'))).rejects.toMatchObject({ code: 'ENOENT' })
    expect(await readFile(join(await newStore().tree(id), 'a'), 'utf8')).toBe('a')
  })

  it('takes hard-linked sources without touching them', async () => {
    const source = await folder('source', { a: 'a' })
    await link(join(source, 'a'), join(source, 'b'))
    const { id } = await store.add(source, meta, limit)
    await store.tree(id)
    expect((await lstat(join(source, 'a'))).mode & 0o200).toBe(0o200)
  })
})

/** Root may write anywhere, so there another user is the owner. */
const owner = process.getuid?.() === 0 ? 65_534 : process.getuid?.()

async function asOwner(work: () => Promise<void>): Promise<void> {
  const isRoot = process.getuid?.() === 0
  if (isRoot) process.seteuid?.(owner ?? 0)
  try {
    await work()
  } finally {
    if (isRoot) process.seteuid?.(0)
  }
}
