import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { describeSource } from './source.ts'
import { makeWorkshop, type Workshop } from './testing/project.ts'

let shop: Workshop

beforeEach(async () => {
  shop = await makeWorkshop()
})

afterEach(async () => {
  await shop.remove()
})

describe('describeSource', () => {
  it('names commit, branch, subject and whether something changed', async () => {
    await shop.write({ 'a b.js': '' })
    const commit = await shop.commit('Say hello')
    const clean = { commit, branch: 'main', subject: 'Say hello', dirty: false }
    expect(await describeSource(shop.project, process.env)).toEqual(clean)
    await shop.write({ 'new.js': '' })
    expect(await describeSource(shop.project, process.env)).toEqual({ ...clean, dirty: true })
  })

  it('ignores changes beside the project, and what git ignores', async () => {
    await shop.write({ 'one/a.js': '', 'two/a.js': '', '.gitignore': '*.log\n' })
    await shop.commit('First')
    await shop.write({ 'two/a.js': 'changed' })
    const commit = await shop.commit('Second, of two alone')
    await shop.write({ 'two/a.js': 'again', 'one/x.log': '' })
    const one = await describeSource(join(shop.project, 'one'), process.env)
    expect(one).toEqual({ commit, branch: 'main', subject: 'Second, of two alone', dirty: false })
    expect((await describeSource(join(shop.project, 'two'), process.env)).dirty).toBe(true)
  })

  it('knows a detached head, an empty repository, a folder that was never committed, and no repository', async () => {
    await shop.write({ 'a.js': '' })
    const nothing = { commit: null, branch: null, subject: null, dirty: false }
    expect(await describeSource(shop.project, process.env)).toEqual(nothing)
    await shop.git('init', '-q')
    expect(await describeSource(shop.project, process.env)).toEqual({ ...nothing, dirty: true })
    const commit = await shop.commit()
    await shop.git('checkout', '-q', '--detach')
    expect(await describeSource(shop.project, process.env)).toMatchObject({ commit, branch: null })
    await mkdir(join(shop.project, 'fresh'))
    expect(await describeSource(join(shop.project, 'fresh'), process.env)).toEqual(nothing)
  })
})
