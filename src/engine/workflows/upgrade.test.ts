import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type TemporaryDatabase, temporaryDatabase } from '../../store/testing/temporary-database.ts'

const program = join(import.meta.dirname, '../testing/versioned-program.ts')
let store: TemporaryDatabase
let directory: string
const children: ChildProcess[] = []

beforeAll(async () => {
  store = await temporaryDatabase({ isMigrated: false })
  directory = await mkdtemp(join(tmpdir(), 'sluice-upgrade-'))
})
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})
afterAll(async () => {
  await store?.remove()
  await rm(directory, { recursive: true, force: true })
})

function start(version: 1 | 2, url: string, file: string, ...runs: string[]): ChildProcess {
  const child = spawn(process.execPath, [program, String(version), url, file, ...runs], { stdio: 'ignore' })
  children.push(child)
  return child
}

async function lines(file: string): Promise<readonly string[]> {
  return (await readFile(file, 'utf8').catch(() => '')).split('\n').filter((line) => line !== '')
}

async function seen(file: string, line: string): Promise<void> {
  const deadline = Date.now() + 180_000
  while (!(await lines(file)).includes(line)) {
    if (Date.now() > deadline) throw new Error(`never seen: ${line}\n${(await lines(file)).join('\n')}`)
    await sleep(20)
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  child.kill(signal)
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

test.each(['SIGTERM', 'SIGKILL'] as const)(
  'a run that an upgrade meets between two steps goes on from there, and a later one has the new steps (%s)',
  async (signal) => {
    const { url } = await store.another()
    const file = join(directory, `steps-${signal}`)
    const one = start(1, url, file, 'old')
    await seen(file, 'old waits in version 1')
    await end(one, signal)

    const two = start(2, url, file, 'new')
    await seen(file, 'old waits in version 2')
    await seen(file, 'new waits in version 2')
    await writeFile(`${file}.go`, '')
    await seen(file, 'old ended in version 2')
    await seen(file, 'new ended in version 2')
    await end(two, 'SIGTERM')

    const told = await lines(file)
    const steps = (id: string) =>
      told.filter((line) => new RegExp(`^${id} \\w+$`).test(line)).map((line) => line.slice(id.length + 1))
    // What lies behind the old run stays as it was; what lies before it is the new version's.
    expect(steps('old')).toEqual(['first', 'second', 'after', 'last'])
    expect(steps('new')).toEqual(['first', 'between', 'second', 'after', 'last'])
  },
)
