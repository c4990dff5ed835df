import { afterAll, beforeAll, expect, test } from 'vitest'
import { killAtBoundaries } from './crash/boundary-kills.ts'
import { environment, scenarios } from './crash/scenarios.ts'
import { startVisitors } from './crash/watch.ts'
import { type Installation, installation, must } from './support/installation.ts'
import type { Traffic } from './support/traffic/traffic.ts'

let place: Installation
let visitors: Traffic

beforeAll(async () => {
  place = await installation({ environments: { [environment]: 'rolling' } })
  must(await place.sluice('deploy', environment), 'succeeded')
  visitors = await startVisitors(place)
})
afterAll(async () => {
  await visitors?.stop()
  await place?.remove()
})

// All boundaries of all strategies: `npm run bench -- crash`.
test('a control plane that is killed between the work of a step and its record loses nothing and disturbs nobody', async () => {
  const scenario = scenarios.find(({ name }) => name === 'blue-green')
  if (scenario === undefined) throw new Error('there is no such scenario')
  const work = ['launch', 'shift to 100 %', 'serving', 'settle']
  const { killed, wrong } = await killAtBoundaries(place, scenario, {
    only: (boundary) => work.some((step) => boundary === `deploy: after ${step}`),
  })
  expect(wrong).toEqual([])
  expect(killed).toBe(work.length)
  expect((await visitors.stats()).failures).toEqual([])
})
