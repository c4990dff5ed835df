import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { loadEdge, saveEdge } from './edge-state.ts'
import { routeTable } from './testing/route-tables.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-state-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

const saved = (fence: number) => ({ tables: [routeTable({ fence })], holds: [] })
const file = () => join(directory, 'edge-state.json')

describe('the state of an edge', () => {
  test('is empty before anything was saved', async () => {
    expect(await loadEdge(directory)).toEqual({ saved: { tables: [], holds: [] }, problem: null })
  })

  test('comes back as it was saved last', async () => {
    await saveEdge(directory, saved(1))
    await saveEdge(directory, saved(2))
    expect(await loadEdge(directory)).toEqual({ saved: saved(2), problem: null })
  })

  test.each([
    ['cut off', (path: string) => truncate(path, 100)],
    ['overwritten', (path: string) => writeFile(path, 'nonsense')],
    ['emptied', (path: string) => truncate(path, 0)],
    ['removed', (path: string) => rm(path)],
  ])('that is %s is replaced by the copy before it, and says so', async (_, damage) => {
    await saveEdge(directory, saved(1))
    await saveEdge(directory, saved(2))
    await damage(file())
    const loaded = await loadEdge(directory)
    expect(loaded.saved).toEqual(saved(1))
    expect(loaded.problem).toContain('serving by the copy before it')
  })

  test('that was damaged does not spoil the copy before it when it is saved again', async () => {
    await saveEdge(directory, saved(1))
    await saveEdge(directory, saved(2))
    await truncate(file(), 10)
    await saveEdge(directory, saved(3))
    await truncate(file(), 10)
    expect((await loadEdge(directory)).saved).toEqual(saved(1))
  })

  test('without a readable copy is an error, never an empty edge', async () => {
    await saveEdge(directory, saved(1))
    await truncate(file(), 10)
    await expect(loadEdge(directory)).rejects.toMatchObject({ code: 'EDGE_UNREACHABLE' })
  })
})
