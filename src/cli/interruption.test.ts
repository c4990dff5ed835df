import type { ChildProcess } from 'node:child_process'
import { access } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { LogLine } from '../targets/target.ts'
import { testControlPlane } from './testing/control-plane.ts'
import { runSluice } from './testing/run-sluice.ts'
import { silentControlPlane } from './testing/silent-control-plane.ts'

let silent: Awaited<ReturnType<typeof silentControlPlane>>
let plane: Awaited<ReturnType<typeof testControlPlane>>
beforeAll(async () => {
  silent = await silentControlPlane()
  plane = await testControlPlane()
})
afterAll(async () => {
  await silent?.close()
  await plane?.close()
})

/** An older Node of the system, where there is one: the entry starts the right one as a child then. */
const oldNode = await access('/usr/bin/node').then(
  () => '/usr/bin/node',
  () => null,
)

/** Says on standard error that signals are listened to; before it, they end a process as any other. */
const MARK = 'listening'
const marker = `process.on('newListener', (name) => {
  if (name === 'SIGHUP') setImmediate(() => process.stderr.write('${MARK}'))
})`
const marking = {
  NODE_OPTIONS: `--import=data:text/javascript;base64,${Buffer.from(marker).toString('base64')}`,
}

function listening({ stderr }: ChildProcess, times = 1): Promise<void> {
  let text = ''
  return new Promise((resolve) => {
    stderr?.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      if (text.split(MARK).length > times) resolve()
    })
  })
}

const commands: readonly (readonly [string, string])[] = [
  ['status', 'interrupted'],
  ['deploy production', 'it may have begun'],
  ['rollback production', 'it may have begun'],
  ['rollback production --check', 'interrupted'],
  ['approve d1', 'interrupted'],
  ['cancel d1', 'interrupted'],
  ['cancel production', 'interrupted'],
  ['logs production -f', 'interrupted'],
  ['releases', 'interrupted'],
  ['releases show r1', 'interrupted'],
  ['env list', 'interrupted'],
  ['env hold production', 'interrupted'],
  ['secret list production', 'interrupted'],
  ['secret rm production KEY', 'interrupted'],
  ['judge replay d1', 'interrupted'],
  ['doctor', 'interrupted'],
  ['down', 'goes on stopping'],
]

test.each(commands)(
  'Ctrl-C ends `sluice %s` although the control plane never answers, in one document',
  async (line, words) => {
    const { code, stdout, stderr } = await runSluice([...line.split(' '), '--json'], {
      home: silent.home,
      cwd: silent.project,
      onStart: async (kill) => {
        await silent.nextRequest()
        kill('SIGINT')
      },
    })
    expect(JSON.parse(stdout)).toMatchObject({ v: 1, status: 'error', code: 'INTERRUPTED' })
    expect(stdout).toContain(words)
    expect(stderr).toBe('')
    expect(code).toBe(130)
  },
)

test('help and version are one document too where one is wanted', async () => {
  for (const args of [['--help'], ['--version'], ['deploy', '--help']]) {
    const { code, stdout } = await runSluice([...args, '--json'], { home: silent.home, cwd: silent.project })
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ v: 1, status: 'ok', text: expect.any(String) })
  }
})

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)('%s while a secret is awaited ends with exit code %i, also behind an older Node', async (signal, code) => {
  for (const node of [process.execPath, ...(oldNode === null ? [] : [oldNode])]) {
    const ran = await runSluice(['secret', 'set', 'production', 'KEY', '--json'], {
      home: plane.home,
      cwd: plane.project,
      input: null,
      environment: marking,
      node,
      onStart: async (kill, child) => {
        await listening(child, node === oldNode ? 2 : 1)
        kill(signal)
      },
    })
    expect(ran.code, node).toBe(code)
    expect(ran.stderr).not.toContain('    at ')
    expect(JSON.parse(ran.stdout)).toMatchObject({ code: 'INTERRUPTED' })
  }
  expect(plane.engine.stored.size).toBe(0)
})

test('Ctrl-C before a deployment was asked for asks for none', async () => {
  const before = silent.asked.length
  const { code, stdout } = await runSluice(['deploy', 'production', '--json'], {
    home: silent.home,
    cwd: silent.project,
    environment: marking,
    onStart: async (kill, child) => {
      await listening(child)
      kill('SIGINT')
    },
  })
  expect(code).toBe(130)
  expect(JSON.parse(stdout)).toMatchObject({ code: 'INTERRUPTED' })
  expect(silent.asked.length).toBe(before)
})

test('Ctrl-C ends a log that is followed, and what was read stands in the document', async () => {
  plane.engine.script = null
  await runSluice(['deploy', 'production', '--detach'], { home: plane.home, cwd: plane.project })
  plane.engine.lines.push(line('hello'))
  const { code, stdout, stderr } = await runSluice(['logs', 'production', '-f'], {
    home: plane.home,
    cwd: plane.project,
    onOutput: (_text, kill) => kill('SIGINT'),
  })
  expect(stdout).toContain('hello')
  expect(stderr).toBe('')
  expect(code).toBe(130)
})

test.each(['status', 'releases', '--help', 'config schema', 'logs production -f'])(
  'nobody reads the answer of `sluice %s` to its end: no stack trace, and it ends',
  async (words) => {
    plane.engine.lines.push(line('x'))
    const { code, stderr } = await runSluice(words.split(' '), {
      home: plane.home,
      cwd: plane.project,
      onStart: async (_kill, child) => void child.stdout?.destroy(),
    })
    expect(stderr).toBe('')
    expect(code).toBe(words.endsWith('-f') ? 141 : 0)
  },
)

function line(text: string): LogLine {
  return { release: 'r1', service: 'web', instance: 'r1-web-1', line: text }
}
