import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Installation, installation } from '../support/installation.ts'
import { startTraffic } from '../support/traffic/start.ts'
import { bringBack } from './recorded-home.ts'

/** The version before, recorded by `record.ts` while one release baked, one took over by steps and one waited for it. */
const recorded = join(import.meta.dirname, 'homes', '0.1.0')

let place: Installation
beforeAll(async () => {
  place = await installation({
    instances: 1,
    environments: { bake: 'rolling', ramp: 'rolling' },
    prepare: (at) => bringBack(recorded, at),
  })
}, 120_000)
afterAll(() => place?.remove(), 60_000)

interface Shown {
  readonly id: string
  readonly state: string
  readonly running: boolean
  readonly reason: unknown
}

async function shown(environment: string) {
  const { document } = await place.sluice('status', environment)
  const [found] = document.environments as { release: string; deployment: Shown }[]
  if (found === undefined) throw new Error(`no environment ${environment}: ${JSON.stringify(document)}`)
  return { serves: found.release, ...found.deployment }
}

async function ended(environment: string) {
  for (;;) {
    const now = await shown(environment)
    if (!now.running) return now
    await sleep(200)
  }
}

test('a home of the version before is taken over: what baked, what took over and what waited end as they should', async () => {
  const visitors = await Promise.all(
    ['bake', 'ramp'].map((environment) =>
      startTraffic({
        target: `http://127.0.0.1:${place.ports[environment]}`,
        requestsPerSecond: 40,
        clients: [{ kind: 'keep-alive', path: '/' }],
      }),
    ),
  )
  expect(await shown('bake')).toMatchObject({ id: 'd3', state: 'baking' })
  expect(await ended('bake')).toMatchObject({ id: 'd3', state: 'succeeded', serves: 'r3', reason: null })
  expect(await ended('ramp')).toMatchObject({ id: 'd5', state: 'succeeded', serves: 'r5', reason: null })
  const { document } = await place.sluice('releases', 'show', 'r4')
  expect(document).toMatchObject({ state: 'kept', reason: null })

  for (const each of visitors) {
    const { requests, failures } = await each.stop()
    expect(requests).toBeGreaterThan(100)
    expect(failures).toEqual([])
  }
  const log = await readFile(join(place.home, 'control', 'control.log'), 'utf8')
  expect(log.split('\n').filter((line) => /"level":[56]0/.test(line))).toEqual([])
}, 300_000)
