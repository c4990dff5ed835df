import { appendFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { temporaryFolder } from '../testing/fixture.ts'
import { LogFollower } from './log-follower.ts'
import { rotateLog } from './log-rotation.ts'
import { MAX_LINE_CHARS, tailOf } from './log-tail.ts'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let log: string
beforeEach(async () => {
  folder = await temporaryFolder()
  log = join(folder.path, 'log')
})
afterEach(() => folder.remove())

async function readAll(follower: LogFollower): Promise<string[]> {
  const lines: string[] = []
  for (let more = await follower.read(); more.length > 0; more = await follower.read()) lines.push(...more)
  return lines
}

test('lines are read once they are complete', async () => {
  await writeFile(log, 'old\n')
  const follower = await LogFollower.open(log, 'end')
  await appendFile(log, 'one\ntw')
  expect(await readAll(follower)).toEqual(['one'])
  await appendFile(log, 'o\n')
  expect(await readAll(follower)).toEqual(['two'])
})

test('no line is lost over a rotation', async () => {
  await writeFile(log, '')
  const follower = await LogFollower.open(log, 'start')
  await appendFile(log, 'a\nb\n')
  expect(await readAll(follower)).toEqual(['a', 'b'])
  await appendFile(log, 'c\nd\n')
  await rotateLog(log, { bytes: 5, files: 3 })
  await appendFile(log, 'e\n')
  expect(await readAll(follower)).toEqual(['c', 'd', 'e'])
})

test('a log that grew beyond its old length after the rotation is read from its beginning', async () => {
  await writeFile(log, 'a\n')
  const follower = await LogFollower.open(log, 'start')
  expect(await readAll(follower)).toEqual(['a'])
  await rotateLog(log, { bytes: 1, files: 3 })
  await appendFile(log, 'much longer than before\nand more\n')
  expect(await readAll(follower)).toEqual(['much longer than before', 'and more'])
})

test('a line of a megabyte is cut and its length told', async () => {
  await writeFile(log, `${'x'.repeat(1024 * 1024)}\nnext\n`)
  const lines = await readAll(await LogFollower.open(log, 'start'))
  expect(lines).toHaveLength(2)
  expect(lines[0]).toHaveLength(MAX_LINE_CHARS + '… (cut: 1048576 characters)'.length)
  expect(lines[0]).toContain('(cut: 1048576 characters)')
  expect(lines[1]).toBe('next')
})

test('a character that lies across two reads stays whole', async () => {
  await writeFile(log, Buffer.from([0xe2, 0x82]))
  const follower = await LogFollower.open(log, 'start')
  expect(await readAll(follower)).toEqual([])
  await appendFile(log, Buffer.from([0xac, 0x0a]))
  expect(await readAll(follower)).toEqual(['€'])
})

test('a tail reaches into the file before when the log was just rotated', async () => {
  await writeFile(log, 'a\nb\nc\n')
  await rotateLog(log, { bytes: 5, files: 3 })
  await appendFile(log, 'd\n')
  expect(await tailOf(log, 3)).toEqual(['b', 'c', 'd'])
  expect(await tailOf(join(folder.path, 'nothing'), 3)).toEqual([])
})

test('rotated files are kept up to their number', async () => {
  for (const text of ['1', '2', '3', '4']) {
    await appendFile(log, `${text}\n`)
    await rotateLog(log, { bytes: 1, files: 3 })
  }
  expect(await tailOf(`${log}.1`, 9)).toEqual(['4'])
  expect(await tailOf(`${log}.2`, 9)).toEqual(['3'])
  expect(await tailOf(`${log}.3`, 9)).toEqual([])
})

test('a tail begins with a whole line: half of one could be half of a secret', async () => {
  await writeFile(log, `${'x'.repeat(1024 * 1024)}hunter2\nb\nc\n`)
  expect(await tailOf(log, 9)).toEqual(['b', 'c'])
  await writeFile(log, `${'x'.repeat(1024)}hunter2${'y'.repeat(1024 * 1024 - 3)}\n`)
  expect(await tailOf(log, 9)).toEqual(['… (a line longer than 1 MB)'])
})
