import { afterAll, beforeAll, expect, test } from 'vitest'
import { EventLog } from '../engine/event-log.ts'
import type { ActivityKind, ActivityNeeds } from '../model/activity.ts'
import { ada } from '../model/testing/ada.ts'
import { insertActivity, listSteps, listUnfinished } from './activities.ts'
import { insertDeployment, listDeployments } from './deployments.ts'
import { ensureEnvironment } from './environments.ts'
import { listEvents } from './events.ts'
import { findEvidence, findJudgeState, putEvidence } from './judge-states.ts'
import { acquireLease, releaseLease } from './leases.ts'
import { listMessages } from './messages.ts'
import { migrate } from './migrate.ts'
import { lastRollbackSeconds } from './rollbacks.ts'
import { type TemporaryDatabase, temporaryDatabase } from './testing/temporary-database.ts'

let store: TemporaryDatabase
beforeAll(async () => {
  store = await temporaryDatabase()
})
afterAll(() => store.remove())

let count = 0
async function newEnvironment(): Promise<string> {
  return (await ensureEnvironment(store.database, `shop.a${++count}`)).key
}

/** Of a kind that the product does not have. */
async function madeUp(environment: string, needs: ActivityNeeds) {
  const kind: ActivityKind = { name: 'made-up', needs }
  const { row } = await insertActivity(store.database, {
    id: `x${++count}`,
    kind,
    environment,
    state: 'busy',
    request: {},
    requestedBy: 'test',
    idempotencyKey: null,
  })
  return row
}

async function deployment(environment: string) {
  const { row } = await insertDeployment(store.database, {
    environment,
    strategy: 'rolling',
    request: { kind: 'rollback', release: null, reason: null, actor: ada },
    idempotencyKey: null,
  })
  return row
}

test('what needs nothing neither waits for a deployment nor holds one up', async () => {
  const environment = await newEnvironment()
  const idle = await madeUp(environment, 'nothing')
  expect(await acquireLease(store.database, idle)).toMatchObject({ lease: { fence: 0 } })
  const shifting = await deployment(environment)
  expect(await acquireLease(store.database, shifting)).toMatchObject({ lease: { activity: shifting.id, fence: 1 } })
  expect(await acquireLease(store.database, idle)).toMatchObject({ lease: { activity: idle.id, fence: 1 } })
  await releaseLease(store.database, environment, idle.id)
  expect(await acquireLease(store.database, await deployment(environment))).toEqual({ holder: shifting.id })
})

test('what needs the environment waits for the traffic, and the traffic for it', async () => {
  const environment = await newEnvironment()
  const [change, shifting] = [await madeUp(environment, 'environment'), await deployment(environment)]
  await acquireLease(store.database, shifting)
  expect(await acquireLease(store.database, change)).toEqual({ holder: shifting.id })
  await releaseLease(store.database, environment, shifting.id)
  expect(await acquireLease(store.database, change)).toMatchObject({ lease: { activity: change.id } })
  expect(await acquireLease(store.database, shifting)).toEqual({ holder: change.id })
})

test('an activity of another kind has evidence and is unfinished, and is no deployment', async () => {
  const environment = await newEnvironment()
  const { id } = await madeUp(environment, 'nothing')
  await putEvidence(store.database, id, 'figures', { seconds: 3 })
  expect(await findEvidence(store.database, id, 'figures')).toEqual({ seconds: 3 })
  expect((await listUnfinished(store.database)).map((row) => row.id)).toContain(id)
  expect(await listDeployments(store.database, { environment, running: true, limit: 10 })).toEqual([])
})

test('a home of the version before is taken over with what was under way', async () => {
  const old = await store.another()
  await migrate(old.pool, { upTo: 1 })
  await old.pool.query(`
    insert into environments (key, project, name, preview_key, lease_holder, fence) values ('s.p', 's', 'p', 'k', 'd7', 4);
    select setval('deployment_number', 9);
    insert into deployments (id, number, kind, environment, state, strategy, request, requested_by, idempotency_key,
      release, previous_release, weight, plan, seconds, serving_at, finished_at, reason) values
      ('d3', 3, 'deploy', 's.p', 'failed', 'rolling', '{"kind":"deploy"}', 'ada', 'k3', 'r1', null, 0, null, '{"total":3}', null, now(),
       '{"code":"BUILD_FAILED","message":"no"}'),
      ('d7', 7, 'deploy', 's.p', 'shifting', 'canary', '{"kind":"deploy"}', 'ada', 'k7', 'r2', 'r1', 0.25, '[]', '{"wait":1}', null, null, null),
      ('d9', 9, 'rollback', 's.p', 'waiting', 'blue-green', '{"kind":"rollback","release":null}', 'bob', null, null, null, 0, null, '{}', null, null, null);
    insert into deployment_steps (deployment, position, name, state) values ('d7', 1, 'build', 'done'), ('d7', 2, 'ramp', 'running');
    insert into deployment_messages (deployment, kind, sent_by) values ('d7', 'end-bake', 'bob');
    insert into judge_states (deployment, phase, state, started_at, updated_at) values ('d7', 'shift', '{"weight":0.25}', now(), now());
    insert into evidence (deployment, kind, data) values ('d7', 'samples-shift', '\\x1f8b0800000000000003abae050043bfa6a302000000');
    insert into events (type, environment, deployment, data) values ('deployment.state', 's.p', 'd7', '{"state":"shifting"}'),
      ('environment.hold', 's.p', null, '{}');
    insert into rollbacks (deployment, environment, seconds, way) values ('d3', 's.p', 1.5, 'warm');
  `)
  await migrate(old.pool)

  const running = await listDeployments(old.database, { environment: 's.p', running: true, limit: 10 })
  expect(running).toMatchObject([
    { id: 'd9', kind: 'rollback', state: 'waiting', needs: 'traffic', requested_by: 'bob' },
    { id: 'd7', kind: 'deploy', state: 'shifting', weight: 0.25, release: 'r2', seconds: { wait: 1 }, plan: [] },
  ])
  expect(await acquireLease(old.database, running[0] ?? { id: '', environment: '', needs: 'traffic' })).toEqual({
    holder: 'd7',
  })
  const [, , ended] = await listDeployments(old.database, { environment: 's.p', limit: 10 })
  expect(ended).toMatchObject({
    id: 'd3',
    state: 'failed',
    reason: { code: 'BUILD_FAILED' },
    finished_at: expect.any(Date),
  })
  expect((await listSteps(old.database, 'd7')).map(({ name }) => name)).toEqual(['build', 'ramp'])
  expect(await listMessages(old.database, 'd7')).toMatchObject([{ kind: 'end-bake', by: 'bob' }])
  expect(await findJudgeState(old.database, 'd7', 'shift')).toMatchObject({ state: { weight: 0.25 } })
  expect(await findEvidence(old.database, 'd7', 'samples-shift')).toEqual({})
  expect(await lastRollbackSeconds(old.database, 's.p')).toBe(1.5)

  await new EventLog(old.database).append({ type: 'edge.state', environment: null, activity: null, data: {} })
  expect(await listEvents(old.database, { after: 0, limit: 10 })).toMatchObject([
    { sequence: 1, deployment: 'd7', activity: 'd7' },
    { sequence: 2, deployment: null, activity: null },
    { sequence: 3, type: 'edge.state' },
  ])
  const next = await insertDeployment(old.database, {
    environment: 's.p',
    strategy: 'rolling',
    request: { kind: 'rollback', release: null, reason: null, actor: ada },
    idempotencyKey: 'new',
  })
  expect(next.row).toMatchObject({ id: 'd10', ordinal: '10' })
  const again = await insertDeployment(old.database, {
    environment: 's.p',
    strategy: 'rolling',
    request: { kind: 'rollback', release: null, reason: null, actor: ada },
    idempotencyKey: 'k7',
  })
  expect(again).toMatchObject({ isNew: false, row: { id: 'd7' } })
})
