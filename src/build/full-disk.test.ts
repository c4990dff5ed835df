import { mkdtemp, readdir, rmdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { run } from '../support/run.ts'
import { makeWorkshop, type Workshop } from './testing/project.ts'

const diskBytes = 8 * 1024 * 1024
const diskFiles = 160
/** Only root can mount a disk of its own; elsewhere `/dev/full` stands for one in the last case. */
const canMount = await tryToMount()

describe.skipIf(!canMount)('on a disk of 8 MB (needs a tmpfs mounted by root)', () => {
  let disk: string
  let shop: Workshop
  beforeEach(async () => {
    disk = await mkdtemp(join(tmpdir(), 'sluice-disk-'))
    await mount(disk)
    shop = await makeWorkshop({ root: disk, minimumFreeBytes: 0 })
  })
  afterEach(async () => {
    await run(['umount', '-l', disk], { timeoutMs: 10_000 })
    await rmdir(disk)
  })

  const expectFull = (build: Promise<unknown>) =>
    expect(build).rejects.toMatchObject({ code: 'DISK_FULL', hint: expect.stringContaining('free some') })

  /** No artifact, no part of one and no build folder; what is there can be used, and the next build works. */
  async function expectNothingLeft(): Promise<void> {
    const { home, artifacts, builder } = shop
    expect(await readdir(home.builds).catch(() => [])).toEqual([])
    expect(await readdir(join(home.artifacts, 'incoming')).catch(() => [])).toEqual([])
    expect(await readdir(join(home.artifacts, 'manifests')).catch(() => [])).toEqual([])
    await artifacts.prune({ keep: 0, inUse: [] })
    for (const folder of await readdir(join(home.artifacts, 'files')).catch(() => []))
      expect(await readdir(join(home.artifacts, 'files', folder))).toEqual([])
    const request = shop.request({ service: { command: 'echo small > small', output: ['small'] } })
    const { artifact } = await builder.build(request)
    expect(await readdir(await artifacts.tree(artifact.id))).toEqual(['small'])
  }

  it('a command that fills the disk is told as that, with the cure, and leaves nothing behind', async () => {
    await shop.write({ 'app.js': '' })
    await expectFull(shop.builder.build(shop.request({ service: { command: 'cat /dev/zero > big' } })))
    await expectNothingLeft()
  })

  it('an artifact for which there is no room is told as that, and leaves nothing behind', async () => {
    await shop.write({ 'app.js': '' })
    // A file in holes costs nothing until it is stored.
    const service = { command: 'truncate -s 6M a; truncate -s 6M b', output: ['a', 'b'] }
    await expectFull(shop.builder.build(shop.request({ service })))
    await expectNothingLeft()
  })

  it('a disk that gets full while an artifact is stored is told as that, and leaves nothing behind', async () => {
    await shop.write({ 'app.js': '' })
    // Room for all the bytes, but not for a second copy of so many files.
    const command = 'mkdir out; i=0; while [ $i -lt 45 ]; do echo $i > out/$i; i=$((i+1)); done'
    await expectFull(shop.builder.build(shop.request({ service: { command, output: ['out'] } })))
    expect((await readdir(join(shop.home.artifacts, 'files'))).length).toBeGreaterThan(0)
    await expectNothingLeft()
  })
})

it('a command that says that its disk is full is believed', async () => {
  const shop = await makeWorkshop()
  try {
    await shop.write({ 'app.js': '' })
    await expect(
      shop.builder.build(shop.request({ service: { command: 'head -c 10 /dev/zero > /dev/full' } })),
    ).rejects.toMatchObject({ code: 'DISK_FULL', hint: expect.stringContaining('free some') })
    expect(await readdir(shop.home.builds)).toEqual([])
  } finally {
    await shop.remove()
  }
})

async function mount(folder: string): Promise<void> {
  const mounted = await run(
    ['mount', '-t', 'tmpfs', '-o', `size=${diskBytes},nr_inodes=${diskFiles}`, 'tmpfs', folder],
    { timeoutMs: 10_000 },
  )
  if (mounted.code !== 0) throw new Error(mounted.stderr)
}

async function tryToMount(): Promise<boolean> {
  if (process.getuid?.() !== 0) return false
  const folder = await mkdtemp(join(tmpdir(), 'sluice-disk-'))
  try {
    await mount(folder)
    await run(['umount', folder], { timeoutMs: 10_000 })
    return true
  } catch {
    return false
  } finally {
    await rmdir(folder).catch(() => {})
  }
}
