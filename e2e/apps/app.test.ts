import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

const started: ChildProcess[] = []
let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-app-'))
})
afterAll(async () => {
  for (const child of started) child.kill('SIGKILL')
  await rm(folder, { recursive: true, force: true })
})

/** Resolves with its base URL as soon as it listens. */
async function startApp(switches: Readonly<Record<string, string>>): Promise<string> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'app.mjs')], {
    env: { ...switches, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  started.push(child)
  let said = ''
  for await (const chunk of child.stdout) {
    said += String(chunk)
    const port = /listening on (\d+)/.exec(said)?.[1]
    if (port !== undefined) return `http://127.0.0.1:${port}`
  }
  throw new Error(`the application ended: ${said}`)
}
const status = async (url: string) => (await fetch(url)).status

test('a fault of one route on one instance fails there and nowhere else', async () => {
  const switches = { APP_FAULT_RATE: '1', APP_FAULT_PATH: '/checkout', APP_FAULT_ONCE: join(folder, 'bad') }
  const first = await startApp(switches)
  const second = await startApp(switches)
  expect(await status(`${first}/checkout`)).toBe(500)
  expect(await status(`${first}/`)).toBe(200)
  expect(await status(`${first}/health`)).toBe(200)
  expect(await status(`${second}/checkout`)).toBe(200)
})

test('answers take a time by chance, longer by the factor', async () => {
  const slow = await startApp({ APP_LATENCY_MEDIAN_MS: '20', APP_LATENCY_FACTOR: '5' })
  const times = await Promise.all(
    Array.from({ length: 30 }, async () => {
      const begun = performance.now()
      await status(`${slow}/`)
      return performance.now() - begun
    }),
  )
  // A slow machine makes them longer still; half of thirty below half the median is one case of a million.
  expect(times.sort((a, b) => a - b)[15]).toBeGreaterThan(50)
})
