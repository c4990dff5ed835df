import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Installation, installation, must } from './support/installation.ts'
import { startTraffic } from './support/traffic/start.ts'

let place: Installation
beforeAll(async () => {
  place = await installation({ environments: { e: 'rolling' } })
  must(await place.sluice('deploy', 'e'), 'succeeded')
})
afterAll(() => place?.remove())

const latest = async () => {
  const { document } = await place.sluice('status', 'e')
  const { deployment, release } = (document.environments as Record<string, never>[])[0] as unknown as {
    deployment: { id: string; state: string; running: boolean }
    release: string
  }
  return { ...deployment, serves: release }
}

/** What an older version would have written of itself; then `up`, which replaces it. */
async function upgrade(): Promise<void> {
  const file = join(place.home, 'control', 'control.json')
  const record = JSON.parse(await readFile(file, 'utf8')) as { pid: number; version: string }
  await writeFile(file, JSON.stringify({ ...record, version: '0.0.1' }))
  must(await place.sluice('up'), 'running')
  expect(await place.controlPid()).not.toBe(record.pid)
}

const visitors = () =>
  startTraffic({
    target: `http://127.0.0.1:${place.ports.e}`,
    requestsPerSecond: 60,
    clients: [
      { kind: 'keep-alive', path: '/' },
      { kind: 'post', path: '/echo' },
    ],
  })

test('up replaces a control plane of another version while a release bakes, and the deployment ends as it should', async () => {
  const traffic = await visitors()
  await place.setStrategy('e', { name: 'blue-green', bake: '8s' })
  await place.commit()
  const { document } = must(await place.sluice('deploy', 'e', '--until', 'serving'), 'serving')

  await upgrade()
  expect(await latest()).toMatchObject({ id: document.deployment, state: 'baking', running: true })
  while ((await latest()).running) await sleep(200)
  expect(await latest()).toMatchObject({ id: document.deployment, state: 'succeeded', serves: document.release })
  // The same version is left alone.
  const pid = await place.controlPid()
  must(await place.sluice('up'), 'running')
  expect(await place.controlPid()).toBe(pid)

  const { requests, failures } = await traffic.stop()
  expect(requests).toBeGreaterThan(100)
  expect(failures).toEqual([])
})

test('up keeps the deployment that ramps and the one that waits for it, and each ends as it should', async () => {
  const traffic = await visitors()
  await place.setStrategy('e', { name: 'canary', steps: [20, 60], stepTime: '4s', bake: '0s', latency: false })
  await place.commit()
  const ramping = place.sluice('deploy', 'e')
  while ((await latest()).state !== 'shifting') await sleep(50)
  await place.commit()
  const waiting = place.sluice('deploy', 'e')
  while ((await latest()).state !== 'waiting') await sleep(50)
  await upgrade()
  const [first, second] = [must(await ramping, 'succeeded'), must(await waiting, 'succeeded')]
  expect(second.document.previousRelease).toBe(first.document.release)
  expect(await latest()).toMatchObject({ state: 'succeeded', serves: second.document.release })
  const { requests, failures } = await traffic.stop()
  expect(requests).toBeGreaterThan(100)
  expect(failures).toEqual([])
})
