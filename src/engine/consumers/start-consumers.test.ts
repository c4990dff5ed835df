import { afterAll, beforeAll, expect, test } from 'vitest'
import { ensureEnvironment } from '../../store/environments.ts'
import { listSampleMinutes } from '../../store/sample-minutes.ts'
import { type TemporaryDatabase, temporaryDatabase } from '../../store/testing/temporary-database.ts'
import { EventLog } from '../event-log.ts'
import { Targets } from '../targets.ts'
import { memoryTarget } from '../testing/memory-target.ts'
import type { Consumer } from './consumer.ts'
import { minuteRollUp } from './minute-roll-up.ts'
import { startConsumers } from './start-consumers.ts'

let store: TemporaryDatabase
beforeAll(async () => {
  store = await temporaryDatabase()
})
afterAll(() => store.remove())

test('each consumer gets what it reads: events, or the samples of every environment where it runs', async () => {
  const { database } = store
  const { key } = await ensureEnvironment(database, 'shop.production')
  const target = memoryTarget()
  target.push(key, [
    { from: 61, seconds: 1, service: 'web', release: 'r1', requests: 5, bad: 0, statusClasses: { '2xx': 5 } },
  ])
  const heard: string[] = []
  const listener: Consumer = {
    name: 'listener',
    from: 'events',
    take: async (events) => void heard.push(...events.map(({ type }) => type)),
  }
  const events = new EventLog(database)
  const consumers = startConsumers(
    {
      database,
      events,
      targets: new Targets({ kinds: [target.kind()], database, wrap: (given) => given }),
      log: { info: () => {}, warn: () => {}, error: () => {} },
    },
    [minuteRollUp, listener],
  )
  await events.append({ type: 'edge.state', environment: key, activity: null, data: {} })
  await expect.poll(() => heard, { timeout: 40_000 }).toEqual(['edge.state'])
  await expect
    .poll(() => listSampleMinutes(database, key, { from: new Date(0), to: new Date() }), { timeout: 40_000 })
    .toMatchObject([{ minute: new Date(60_000), service: 'web', release: 'r1', requests: 5 }])
  await consumers.stop()
})
