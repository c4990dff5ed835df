import { type ChildProcess, spawn } from 'node:child_process'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bootId } from '../src/support/process-identity.ts'
import { type Installation, installation, must } from './support/installation.ts'

let place: Installation
let stranger: ChildProcess | null = null
beforeAll(async () => {
  place = await installation({ environments: { e: 'rolling', other: 'rolling' } })
})
afterAll(async () => {
  stranger?.kill('SIGKILL')
  await place?.remove()
})

interface Shown {
  readonly name: string
  readonly release: string
  readonly fleets: { instances: { id: string; state: string }[] }[]
}

const shown = async () => (await place.sluice('status')).document.environments as Shown[]
const answer = async (environment: string) => (await fetch(`http://127.0.0.1:${place.ports[environment]}/`)).status

/** Processes of this installation, by what they were started with or in which folder they work. */
async function ownProcesses(): Promise<number[]> {
  const found: number[] = []
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    const variables = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')
    if (command.includes(place.home) || variables.includes(place.home)) found.push(Number(pid))
  }
  return found
}

/** Every state file says that its processes belong to another boot, and one of their numbers is a stranger's by now. */
async function pretendReboot(strangerPid: number): Promise<number> {
  let changed = 0
  for (const entry of await readdir(place.home, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const file = join(entry.parentPath, entry.name)
    const text = await readFile(file, 'utf8').catch(() => '')
    if (!text.includes(bootId())) continue
    changed++
    const former = text.replaceAll(bootId(), '00000000-0000-4000-8000-000000000000')
    await writeFile(file, former.replaceAll(/"pid":\s*\d+/g, `"pid":${strangerPid}`))
  }
  return changed
}

test('after a reboot up brings back every fleet that should run, and leaves strangers with old process numbers alone', async () => {
  for (const environment of ['e', 'other']) must(await place.sluice('deploy', environment), 'succeeded')
  const before = await shown()

  for (let left = await ownProcesses(); left.length > 0; left = await ownProcesses()) {
    for (const pid of left) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // ended with another one
      }
    }
    await sleep(50)
  }
  stranger = spawn('sleep', ['600'], { stdio: 'ignore' })
  expect(await pretendReboot(stranger.pid ?? 0)).toBeGreaterThanOrEqual(3)

  must(await place.sluice('up'), 'running')
  const deadline = Date.now() + 180_000
  for (const environment of ['e', 'other']) {
    while ((await answer(environment).catch(() => 0)) !== 200) {
      if (Date.now() > deadline) throw new Error(`${environment} was not brought back`)
      await sleep(100)
    }
  }
  const ready = async () =>
    (await shown()).map(({ name, release, fleets }) => [
      name,
      release,
      fleets.flatMap(({ instances }) => instances.filter(({ state }) => state === 'ready')).length,
    ])
  while ((await ready()).some(([, , count]) => count !== 2)) {
    if (Date.now() > deadline) throw new Error(JSON.stringify(await shown()))
    await sleep(100)
  }
  expect((await shown()).map(({ name, release }) => [name, release])).toEqual(
    before.map(({ name, release }) => [name, release]),
  )
  expect(stranger.exitCode ?? stranger.signalCode).toBeNull()
})
