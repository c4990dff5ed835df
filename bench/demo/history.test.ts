import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { run } from '../../src/support/run.ts'
import { demoConfig } from './config.ts'
import { createHistory } from './history.ts'

const folders: string[] = []
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true })
})

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'sluice-history-'))
  folders.push(path)
  return path
}

test('makes the same four commits each time, each with what its release changes', async () => {
  const [one, two] = [await folder(), await folder()]
  const { commits } = await createHistory(one)
  expect(await createHistory(two)).toEqual({ commits })
  expect(new Set(commits).size).toBe(4)
  const files = async (commit: string | undefined) => {
    const argv = ['git', '-C', one, 'ls-tree', '-r', '--name-only', commit ?? ''] as const
    return (await run(argv, { timeoutMs: 10_000 })).stdout.split('\n')
  }
  expect(await files(commits[0])).toContain('package-lock.json')
  expect(await files(commits[0])).not.toContain('migrations/0003_topics.sql')
  expect(await files(commits[1])).toContain('migrations/0003_topics.sql')
  expect(await files(commits[2])).toContain('src/lib/server/tips.ts')
  expect((await files(commits[3])).filter((name) => /^(node_modules|build|releases)\//.test(name))).toEqual([])
  const status = await run(['git', '-C', one, 'status', '--porcelain'], { timeoutMs: 10_000 })
  expect(status.stdout).toBe('')
})

test('takes another configuration where one is given, and keeps the own one beside it', async () => {
  const directory = await folder()
  await createHistory(directory, { config: demoConfig(8080) })
  expect(await readFile(join(directory, 'sluice.config.ts'), 'utf8')).toContain(
    "import social from './social.config.ts'",
  )
  expect(await readFile(join(directory, 'social.config.ts'), 'utf8')).toContain("project: 'social'")
})
