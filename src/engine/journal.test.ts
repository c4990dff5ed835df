import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Event } from '../model/event.ts'
import { ada } from '../model/testing/ada.ts'
import { listSteps } from '../store/activities.ts'
import { openDatabase } from '../store/database.ts'
import { listEvents } from '../store/events.ts'
import { type TemporaryDatabase, temporaryDatabase } from '../store/testing/temporary-database.ts'
import { EventLog } from './event-log.ts'
import { Journal } from './journal.ts'

let store: TemporaryDatabase
let events: EventLog
let journal: Journal
beforeAll(async () => {
  store = await temporaryDatabase()
  events = new EventLog(store.database)
  journal = new Journal(store.database, events)
  // Stands for a crash between a change and its event: the second of both never gets through.
  await store.pool.query(`
    create function refuse() returns trigger language plpgsql as $$ begin raise exception 'the lights went out'; end $$;
    create trigger refuse before insert on events for each row when (new.environment = 'shop.dark') execute function refuse();
    create trigger refuse before update on event_counter for each row when (false) execute function refuse();
  `)
})
afterAll(() => store.remove())

const wanted = (environment: string) => ({
  environment,
  strategy: 'rolling' as const,
  request: { kind: 'rollback' as const, release: null, reason: null, actor: ada },
  idempotencyKey: null,
})

async function inTheDark(): Promise<string> {
  const { row } = await journal.create(wanted('shop.light'))
  await store.pool.query(
    "insert into environments (key, project, name, preview_key) values ('shop.dark', 'shop', 'dark', '') on conflict do nothing",
  )
  await store.database.updateTable('activities').set({ environment: 'shop.dark' }).where('id', '=', row.id).execute()
  return row.id
}

test('a deployment is not recorded without the event that tells of it', async () => {
  await expect(journal.create(wanted('shop.dark'))).rejects.toThrow('the lights went out')
  const { rows } = await store.pool.query(
    "select id from activities where environment = 'shop.dark' and state = 'queued'",
  )
  expect(rows).toEqual([])
})

test('a state, a step, a weight and the sight of an answer are not written without their events', async () => {
  const id = await inTheDark()
  const before = await journal.load(id)
  await expect(journal.move(id, 'preparing')).rejects.toThrow('the lights went out')
  await expect(journal.weight(id, 0.5, null)).rejects.toThrow('the lights went out')
  await expect(journal.serving(id)).rejects.toThrow('the lights went out')
  await expect(journal.step(id, 'build', async () => {})).rejects.toThrow('the lights went out')
  expect(await journal.load(id)).toEqual(before)
  expect(await listSteps(store.database, id)).toEqual([])
})

test('an event is not told of a change that was refused, and nobody hears it before the commit', async () => {
  const { row } = await journal.create(wanted('shop.light'))
  const heard: Event[] = []
  const stop = events.listen((event) => heard.push(event))
  await expect(journal.move(row.id, 'succeeded')).rejects.toMatchObject({ code: 'STATE_CONFLICT' })
  expect(heard).toEqual([])
  await journal.move(row.id, 'preparing')
  await journal.move(row.id, 'preparing')
  expect(heard.map(({ data }) => data.state)).toEqual(['preparing'])
  stop()
})

test('numbers become visible in their order, whoever commits when', async () => {
  const second = openDatabase({ url: store.url })
  const logs = [events, new EventLog(second.database)]
  const { row } = await journal.create(wanted('shop.order'))
  const count = 120
  let written = 0
  const writing = Promise.all(
    Array.from({ length: 12 }, async (_, writer) => {
      for (let index = 0; index < count / 12; index++) {
        await logs[writer % 2]?.transact(async (transaction, tell) => {
          tell({ type: 'deployment.log', environment: 'shop.order', activity: row.id, data: { writer } })
          // Some transactions last longer than others: a number that was given out early would be seen late.
          await transaction.selectFrom('activities').select('id').where('id', '=', row.id).execute()
          await sleep(Math.random() * 10)
        })
        written++
      }
    }),
  )
  // A reader that goes on after the last number that it saw.
  const seen: number[] = []
  let after = 0
  while (written < count || seen.length < count) {
    const page = await listEvents(store.database, { after, environment: 'shop.order', limit: 500 })
    for (const event of page) {
      after = event.sequence
      if (event.type === 'deployment.log') seen.push(event.sequence)
    }
    if (written === count && page.length === 0) break
  }
  await writing
  expect(seen).toHaveLength(count)
  expect(new Set(seen).size).toBe(count)
  await second.close()
})
