import { appendFile, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { sampleArchive } from './sample-archive.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-samples-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

const batch = (position: number) => ({ environment: 'shop.production', position, samples: '[{"from":1}]' })

test('what was written is read back, a torn last line is skipped', async () => {
  const archive = sampleArchive({ directory, now: () => 1000 })
  archive.add([batch(1), batch(2)])
  await archive.write()
  archive.add([batch(3)])
  await archive.write()
  await appendFile(join(directory, 'samples.ndjson'), '{"environment":"shop.prod')
  const found = await sampleArchive({ directory, now: () => 1000 }).read()
  expect(found).toEqual([batch(1), batch(2), batch(3)])
})

test('a file that is full or old becomes the previous one, so that the disk never fills', async () => {
  let now = Date.now()
  const archive = sampleArchive({ directory, now: () => now, maxBytes: 400 })
  for (let i = 0; i < 20; i++) {
    archive.add([batch(now + i)])
    await archive.write()
  }
  expect((await readdir(directory)).toSorted()).toEqual(['samples.ndjson', 'samples.previous.ndjson'])
  const found = await archive.read()
  expect(found.at(-1)).toEqual(batch(now + 19))
  expect(found.length).toBeLessThan(20)
  now += 24 * 3600_000
  expect(await archive.read()).toEqual([])
})

test('a folder that cannot be written loses history only', async () => {
  const problems: unknown[] = []
  const archive = sampleArchive({ directory: join(directory, 'absent'), onProblem: (error) => problems.push(error) })
  archive.add([batch(1)])
  await archive.write()
  expect(problems).toHaveLength(1)
})
