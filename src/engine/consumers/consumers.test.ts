import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { Sample } from '../../model/sample.ts'
import { findCursor } from '../../store/consumer-cursors.ts'
import { ensureEnvironment, rememberHttpPort } from '../../store/environments.ts'
import { listSampleMinutes, pruneSampleMinutes } from '../../store/sample-minutes.ts'
import { type TemporaryDatabase, temporaryDatabase } from '../../store/testing/temporary-database.ts'
import { EventLog } from '../event-log.ts'
import type { EventConsumer } from './consumer.ts'
import { startEventConsumers } from './event-consumers.ts'
import { minuteRollUp } from './minute-roll-up.ts'
import { startSampleConsumers } from './sample-consumers.ts'

let store: TemporaryDatabase
const running: { stop(): Promise<void> }[] = []
const warnings: string[] = []
const log = { info: () => {}, warn: (text: string) => void warnings.push(text), error: () => {} }
const LONG = { timeout: 40_000 }

beforeAll(async () => {
  store = await temporaryDatabase()
})
afterEach(async () => {
  for (const one of running.splice(0)) await one.stop()
  warnings.splice(0)
})
afterAll(() => store.remove())

let names = 0
async function newEnvironment(): Promise<string> {
  return (await ensureEnvironment(store.database, `shop.c${++names}`)).key
}

const all = { from: new Date(0), to: new Date('2100-01-01') }
const sample = (from: number, change: Partial<Sample> = {}): Sample => ({
  from,
  seconds: 1,
  service: 'web',
  release: 'r1',
  requests: 10,
  bad: 1,
  statusClasses: { '2xx': 9, '5xx': 1 },
  latency: { 20: 10 },
  ...change,
})

/** A router that remembers everything; its cursor is a count. */
function router() {
  const known = new Map<string, Sample[]>()
  return {
    push: (environment: string, ...samples: Sample[]) =>
      known.set(environment, [...(known.get(environment) ?? []), ...samples]),
    read: async (environment: string, after: string | null) => {
      const samples = known.get(environment) ?? []
      return { samples: samples.slice(Number(after ?? 0)), cursor: String(samples.length) }
    },
  }
}

function rollUp(
  read: Parameters<typeof startSampleConsumers>[0]['read'],
  change: Partial<Parameters<typeof startSampleConsumers>[0]> = {},
) {
  const consumers = startSampleConsumers({
    database: store.database,
    consumers: [minuteRollUp],
    read,
    everyMs: 20,
    log,
    ...change,
  })
  running.push(consumers)
  return consumers
}

test('samples are added up by minute, service and release, late ones too', async () => {
  const environment = await newEnvironment()
  const { push, read } = router()
  push(environment, sample(59), sample(60), sample(119.5), sample(60, { release: 'r2', bad: 0 }))
  rollUp(read)
  await expect.poll(() => listSampleMinutes(store.database, environment, all), LONG).toHaveLength(3)
  push(environment, sample(61, { requests: 0, bad: 2, statusClasses: { none: 2 }, latency: { 20: 1, 30: 1 } }))
  await expect
    .poll(async () => (await listSampleMinutes(store.database, environment, all))[1], LONG)
    .toEqual({
      minute: new Date(60_000),
      service: 'web',
      release: 'r1',
      requests: 20,
      bad: 4,
      statusClasses: { '2xx': 18, '5xx': 2, none: 2 },
      latency: { 20: 21, 30: 1 },
    })
  await pruneSampleMinutes(store.database, new Date(60_000))
  expect(await listSampleMinutes(store.database, environment, all)).toHaveLength(2)
})

test('a crash between the counts and the cursor counts nothing twice and nothing never', async () => {
  const environment = await newEnvironment()
  const { push, read } = router()
  push(environment, sample(0))
  let crashes = 3
  rollUp(read, {
    consumers: [
      {
        ...minuteRollUp,
        take: async (news, transaction) => {
          await minuteRollUp.take(news, transaction)
          if (news.environment === environment && crashes-- > 0) throw new Error('the lights went out')
        },
      },
    ],
  })
  await expect.poll(() => findCursor(store.database, minuteRollUp.name, environment), LONG).toBe('1')
  push(environment, sample(1))
  await expect.poll(() => findCursor(store.database, minuteRollUp.name, environment), LONG).toBe('2')
  expect(await listSampleMinutes(store.database, environment, all)).toMatchObject([{ requests: 20, bad: 2 }])
  expect(warnings).toHaveLength(1)
})

test('an environment that does not answer holds up no other, and what it said meanwhile is not lost', async () => {
  const [silent, other] = [await newEnvironment(), await newEnvironment()]
  const { push, read } = router()
  let isSilent = true
  const late = async () => {
    await sleep(300)
    throw new Error('it does not answer')
  }
  rollUp((environment, after) => (environment === silent && isSilent ? late() : read(environment, after)))
  push(silent, sample(5))
  push(other, sample(5))
  await expect.poll(() => listSampleMinutes(store.database, other, all), LONG).toHaveLength(1)
  await expect.poll(() => warnings, LONG).toEqual([expect.stringContaining(silent)])
  isSilent = false
  await expect.poll(() => listSampleMinutes(store.database, silent, all), LONG).toHaveLength(1)
})

/** Writes the numbers that it takes into a table that its transaction covers: the port of an environment. */
async function counter(change: { readonly failures?: number } = {}) {
  const environment = await newEnvironment()
  let { failures = 0 } = change
  const taken: number[] = []
  const consumer: EventConsumer = {
    name: `counter ${environment}`,
    from: 'events',
    take: async (events, transaction) => {
      const mine = events.filter((event) => event.environment === environment)
      for (const event of mine) {
        await transaction
          .updateTable('environments')
          .set((eb) => ({ http_port: eb('http_port', '+', 1) }))
          .where('key', '=', environment)
          .execute()
        if (failures-- > 0) throw new Error('the lights went out')
        taken.push(event.sequence)
      }
    },
  }
  await rememberHttpPort(store.database, environment, 0)
  const counted = async () =>
    (await store.database.selectFrom('environments').select('http_port').where('key', '=', environment).execute())[0]
      ?.http_port
  return { environment, consumer, taken, counted }
}

test('events reach a consumer when they come, in their order, and once each across crashes and restarts', async () => {
  const events = new EventLog(store.database)
  const { environment, consumer, taken, counted } = await counter({ failures: 2 })
  const tell = () => events.append({ type: 'edge.state', environment, activity: null, data: {} })
  for (let count = 0; count < 250; count++) await tell()
  const first = startEventConsumers({ database: store.database, events, consumers: [consumer], log })
  await expect.poll(counted, LONG).toBe(250)
  await tell()
  await expect.poll(counted, LONG).toBe(251)
  await first.stop()
  await tell()
  running.push(startEventConsumers({ database: store.database, events, consumers: [consumer], log }))
  await expect.poll(counted, LONG).toBe(252)
  expect(new Set(taken).size).toBe(252)
  expect(taken).toEqual([...taken].sort((a, b) => a - b))
  expect(warnings.length).toBeGreaterThan(0)
})

test('a consumer that fails holds up no other, and silence costs no question', async () => {
  const events = new EventLog(store.database)
  const [failing, sound] = [await counter({ failures: Number.POSITIVE_INFINITY }), await counter()]
  let questions = 0
  const database = store.database.withPlugin({
    transformQuery: ({ node }) => {
      questions += 1
      return node
    },
    transformResult: async ({ result }) => result,
  })
  running.push(startEventConsumers({ database, events, consumers: [sound.consumer], log }))
  running.push(startEventConsumers({ database: store.database, events, consumers: [failing.consumer], log }))
  await events.append({ type: 'edge.state', environment: failing.environment, activity: null, data: {} })
  await events.append({ type: 'edge.state', environment: sound.environment, activity: null, data: {} })
  await expect.poll(sound.counted, LONG).toBe(1)
  expect(await failing.counted()).toBe(0)
  await sleep(50)
  const asked = questions
  await sleep(500)
  expect(questions).toBe(asked)
})
