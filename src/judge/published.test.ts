import { spawnSync } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

const root = resolve(import.meta.dirname, '../..')
const tsc = join(root, 'node_modules/typescript/bin/tsc')
let consumer = ''

/** Somebody else's project with the built package and nothing of what it depends on: the judge needs none of it. */
beforeAll(async () => {
  consumer = await mkdtemp(join(tmpdir(), 'sluice-consumer-'))
  const sluice = join(consumer, 'node_modules/sluice')
  await mkdir(sluice, { recursive: true })
  await copyFile(join(root, 'package.json'), join(sluice, 'package.json'))
  const build = join(consumer, 'tsconfig.judge.json')
  const from = (path: string) => join(root, path)
  await writeFile(
    build,
    JSON.stringify({
      extends: from('tsconfig.build.json'),
      compilerOptions: { rootDir: from('src'), outDir: join(sluice, 'dist'), typeRoots: [from('node_modules/@types')] },
      include: [],
      files: [from('src/judge/index.ts')],
    }),
  )
  run(tsc, '-p', build)
})
afterAll(async () => {
  await rm(consumer, { recursive: true, force: true })
})

function run(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: consumer,
    encoding: 'utf8',
    timeout: 60_000,
  })
  expect(status, `${stdout}\n${stderr}`).toBe(0)
  return stdout
}

const program = `
import { explain, policyFrom, start, step, type JudgeInput, type JudgeState, type Verdict } from 'sluice/judge'

const at = 1_800_000_000
const sample = (release: string, from: number, requests: number, bad: number) => ({
  from, seconds: 1, service: 'web', release, instance: release + '-0', weight: 0.1, requests, bad, statusClasses: {},
})
const history = Array.from({ length: 600 }, (_, i) => sample('old', at - 600 + i, 100, i % 10 === 0 ? 1 : 0))
let state: JudgeState = start(policyFrom({ preset: 'careful' }), { samples: history, instances: ['old-0'] })
let action = ''
for (let second = 0; second < 60 && action !== 'retreat'; second++) {
  const input: JudgeInput = {
    second: at + second,
    weight: 0.1,
    old: { samples: [sample('old', at + second, 90, 0)], instances: ['old-0'] },
    new: { samples: [sample('new', at + second, 10, 5)], instances: ['new-0'] },
    probes: [],
    capabilities: { lowestWeight: 0, reactionSeconds: 1, perInstance: true },
  }
  const answer = step(JSON.parse(JSON.stringify(state)), input)
  state = answer.state
  action = answer.decision.action
}
const verdict: Verdict = explain(state)
process.stdout.write(action + ': ' + verdict.summary)
`

test('anyone can import the judge from `sluice/judge`, with its types, and judge by it', async () => {
  await writeFile(join(consumer, 'package.json'), JSON.stringify({ type: 'module' }))
  await writeFile(join(consumer, 'judge.ts'), program)
  const types = ['--types', 'node', '--typeRoots', join(root, 'node_modules/@types')]
  run(tsc, 'judge.ts', '--strict', '--module', 'nodenext', '--target', 'es2024', ...types)
  expect(run('judge.js')).toMatch(/^retreat: .*requests failed on the new release/)
})
