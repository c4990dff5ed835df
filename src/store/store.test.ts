import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { EventLog } from '../engine/event-log.ts'
import { Mailbox } from '../engine/mailbox.ts'
import type { DeploymentState } from '../model/deployment.ts'
import { SluiceError } from '../model/error.ts'
import type { ReleaseRecord } from '../model/release.ts'
import { ada } from '../model/testing/ada.ts'
import { listSteps, putStep } from './activities.ts'
import { insertDeployment, listDeployments, moveDeployment, updateDeployment } from './deployments.ts'
import { ensureEnvironment, rememberHttpPort } from './environments.ts'
import { findEvidence, findJudgeState, putEvidence, putJudgeState } from './judge-states.ts'
import { acquireLease, currentFence, releaseLease } from './leases.ts'
import { listMessages } from './messages.ts'
import { listMigrations, migrate } from './migrate.ts'
import { findReleaseToReturnTo, listReleases, setReleaseState, writeRelease } from './releases.ts'
import { findSecretVersion, insertSecret, listNewestSecrets } from './secrets.ts'
import { type TemporaryDatabase, temporaryDatabase } from './testing/temporary-database.ts'

let store: TemporaryDatabase
beforeAll(async () => {
  store = await temporaryDatabase()
})
afterAll(() => store.remove())

let names = 0
async function newEnvironment(): Promise<string> {
  const { key } = await ensureEnvironment(store.database, `shop.e${++names}`)
  return key
}

async function newDeployment(environment: string, idempotencyKey: string | null = null) {
  return insertDeployment(store.database, {
    environment,
    strategy: 'rolling',
    request: { kind: 'rollback', release: null, reason: null, actor: ada },
    idempotencyKey,
  })
}

const move = (id: string, to: DeploymentState) =>
  store.database.transaction().execute((transaction) => moveDeployment(transaction, id, to))

const record = (environment: string): Omit<ReleaseRecord, 'id'> => ({
  environment,
  project: 'shop',
  artifact: 'a'.repeat(64),
  source: { kind: 'git', commit: 'c0ffee', dirty: false, branch: 'main', subject: 'first' },
  services: [],
  target: { name: 'local', settings: {} },
  keepAssetsOfReleases: 3,
  stickiness: true,
  secrets: {},
  database: null,
  schema: null,
  createdAt: new Date(0).toISOString(),
})

describe('migrations', () => {
  test('lead to the same schema from empty and from every earlier version', async () => {
    const describeSchema = async (pool: TemporaryDatabase['pool']) =>
      (
        await pool.query(
          `select table_name, column_name, data_type, is_nullable, column_default from information_schema.columns
           where table_schema = 'public' order by table_name, column_name`,
        )
      ).rows
    const expected = await describeSchema(store.pool)
    for (const { version } of await listMigrations()) {
      const other = await store.another()
      await migrate(other.pool, { upTo: version })
      await migrate(other.pool)
      expect(await describeSchema(other.pool)).toEqual(expected)
    }
  })

  test('are numbered without gaps and run once', async () => {
    const migrations = await listMigrations()
    expect(migrations.map((migration) => migration.version)).toEqual(migrations.map((_, index) => index + 1))
    expect(await migrate(store.pool)).toEqual([])
  })

  test('never change once they were released', async () => {
    const migrations = await listMigrations()
    expect(Object.fromEntries(migrations.map(({ version, checksum }) => [version, checksum]))).toEqual({
      1: 'bb40038995f75833b9f0480b876b6024e6960411e381c76a8562747719ea65bd',
      2: '4e6c86593700fa6f12341e48bc80581b12d275b41bf3ec183ec4ce2635213316',
      3: '829656277ae8f8e68b351f6c62de0306f7b2e5e8f71fd580d2c0e4c06b95f2fa',
      4: '8291f4a2269ca2db1a322ec34fe96b53181e53565614bb13feaf557cf40879d0',
      5: '348498dfe1410bc3249ba055a0ab025691ed170e837a986d8345f070cbd9c915',
      6: '359b84d3aef65d2a0a32563549d93256e0e82646017f33dee503a9bde63ed5db',
      7: 'c692af68bfc8d9d60461bd0dfeb0ffa8d7c544d47faa1c04155eaab183f72708',
    })
  })

  test('are refused to a database of another text or of a newer program, and adopted by one without checksums', async () => {
    const { pool } = await store.another()
    await migrate(pool)
    await pool.query('alter table schema_versions drop column checksum')
    expect(await migrate(pool)).toEqual([])
    const { rows } = await pool.query('select checksum from schema_versions where version = 1')
    expect(rows).toEqual([{ checksum: (await listMigrations())[0]?.checksum }])
    await pool.query("update schema_versions set checksum = 'another' where version = 1")
    await expect(migrate(pool)).rejects.toMatchObject({
      code: 'DATABASE_FOREIGN',
      message: expect.stringContaining('another text of migration 1'),
    })
    await pool.query('update schema_versions set checksum = null')
    await pool.query("insert into schema_versions (version, name) values (99, 'from-tomorrow')")
    await expect(migrate(pool)).rejects.toMatchObject({
      code: 'DATABASE_FOREIGN',
      message: expect.stringContaining('newer Sluice'),
    })
  })

  test('may be started by two at once', async () => {
    const other = await store.another()
    const [first, second] = await Promise.all([migrate(other.pool), migrate(other.pool)])
    expect([...first, ...second]).toHaveLength((await listMigrations()).length)
  })
})

describe('deployments', () => {
  test('are numbered upwards and made once per idempotency key', async () => {
    const environment = await newEnvironment()
    const first = await newDeployment(environment, `key ${environment}`)
    const again = await newDeployment(environment, `key ${environment}`)
    const second = await newDeployment(environment)
    expect(again).toMatchObject({ isNew: false, row: { id: first.row.id } })
    expect(Number(second.row.ordinal)).toBeGreaterThan(Number(first.row.ordinal))
    const listed = await listDeployments(store.database, { environment, limit: 10 })
    expect(listed.map((row) => row.id)).toEqual([second.row.id, first.row.id])
  })

  test('refuse an illegal move, also when two try at once', async () => {
    const { row } = await newDeployment(await newEnvironment())
    await expect(move(row.id, 'succeeded')).rejects.toMatchObject({ code: 'STATE_CONFLICT' })
    const results = await Promise.allSettled([move(row.id, 'failed'), move(row.id, 'cancelled')])
    expect(results.map((result) => result.status).sort()).toEqual(['fulfilled', 'rejected'])
  })

  test('keep their steps in the order of their first appearance', async () => {
    const { row } = await newDeployment(await newEnvironment())
    await putStep(store.database, { activity: row.id, name: 'build', state: 'running' })
    await putStep(store.database, { activity: row.id, name: 'launch', state: 'running' })
    await putStep(store.database, { activity: row.id, name: 'build', state: 'done', detail: 'reused' })
    const steps = await listSteps(store.database, row.id)
    expect(steps.map(({ name, state, detail }) => ({ name, state, detail }))).toEqual([
      { name: 'build', state: 'done', detail: 'reused' },
      { name: 'launch', state: 'running', detail: null },
    ])
  })
})

describe('leases', () => {
  test('are held by one deployment, with a fence that rises with each', async () => {
    const environment = await newEnvironment()
    const [a, b] = [await newDeployment(environment), await newDeployment(environment)]
    const first = await acquireLease(store.database, a.row)
    expect(first).toEqual({ lease: { environment, activity: a.row.id, fence: 1 } })
    expect(await acquireLease(store.database, a.row)).toEqual(first)
    expect(await acquireLease(store.database, b.row)).toEqual({ holder: a.row.id })
    await releaseLease(store.database, environment, a.row.id)
    expect(await acquireLease(store.database, b.row)).toMatchObject({ lease: { fence: 2 } })
    expect(await currentFence(store.database, environment)).toBe(2)
  })

  test('of a deployment that ended without giving it back are free', async () => {
    const environment = await newEnvironment()
    const [a, b] = [await newDeployment(environment), await newDeployment(environment)]
    await acquireLease(store.database, a.row)
    await move(a.row.id, 'failed')
    expect(await acquireLease(store.database, b.row)).toMatchObject({ lease: { fence: 2 } })
  })

  test('go to exactly one of many that ask at once', async () => {
    const environment = await newEnvironment()
    const deployments = await Promise.all(Array.from({ length: 8 }, () => newDeployment(environment)))
    const results = await Promise.all(deployments.map(({ row }) => acquireLease(store.database, row)))
    expect(results.filter((result) => 'lease' in result)).toHaveLength(1)
  })
})

describe('releases', () => {
  test('are written once per deployment and found as the one to return to', async () => {
    const environment = await newEnvironment()
    const ids: string[] = []
    for (let count = 0; count < 3; count++) {
      const { row } = await newDeployment(environment)
      const release = await writeRelease(store.database, row.id, record(environment))
      expect(await writeRelease(store.database, row.id, record(environment))).toEqual(release)
      await updateDeployment(store.database, row.id, { release: release.id, serving_at: new Date(1000 * (count + 1)) })
      await setReleaseState(store.database, release.id, count === 2 ? 'serving' : 'kept')
      ids.push(release.id)
    }
    expect((await findReleaseToReturnTo(store.database, environment, ids[2] ?? ''))?.id).toBe(ids[1])
    await setReleaseState(store.database, ids[1] ?? '', 'on-hold', 'rolled back')
    expect((await findReleaseToReturnTo(store.database, environment, ids[2] ?? ''))?.id).toBe(ids[0])
    expect((await listReleases(store.database, { environment, limit: 2 })).map((row) => row.id)).toEqual([
      ids[2],
      ids[1],
    ])
  })
})

describe('events', () => {
  test('reach a reader in order without a gap, those before and those after it began', async () => {
    const environment = await newEnvironment()
    const { row } = await newDeployment(environment)
    const events = new EventLog(store.database)
    const append = (index: number) =>
      events.append({ type: 'deployment.log', environment, activity: row.id, data: { index } })
    await Promise.all(Array.from({ length: 20 }, (_, index) => append(index)))
    const abort = new AbortController()
    const seen: number[] = []
    const reading = (async () => {
      for await (const event of events.stream({ after: 0, deployment: row.id, signal: abort.signal })) {
        seen.push(Number(event.data.index))
        if (seen.length === 40) abort.abort()
      }
    })()
    await Promise.all(Array.from({ length: 20 }, (_, index) => append(20 + index)))
    await reading
    expect(seen).toEqual(Array.from({ length: 40 }, (_, index) => index))
  })
})

describe('messages', () => {
  test('interrupt what heeds them, and are read again after a restart', async () => {
    const { row } = await newDeployment(await newEnvironment())
    const mailbox = new Mailbox(store.database)
    const body = (signal: AbortSignal) =>
      new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    const waiting = mailbox.heed(row.id, body)
    await mailbox.send(row.id, 'cancel', ada)
    await expect(waiting).rejects.toMatchObject({ code: 'CANCELLED', message: 'cancelled by ada' })
    const restarted = new Mailbox(store.database)
    await expect(restarted.heed(row.id, body)).rejects.toMatchObject({ code: 'CANCELLED' })
    expect(await listMessages(store.database, row.id)).toHaveLength(1)
  })

  test('end a bake without an error', async () => {
    const { row } = await newDeployment(await newEnvironment())
    const mailbox = new Mailbox(store.database)
    const baking = mailbox.heed(
      row.id,
      (_, { ended }) => new Promise((resolve) => ended.addEventListener('abort', () => resolve('ended'))),
    )
    await mailbox.send(row.id, 'end-bake', ada)
    expect(await baking).toBe('ended')
  })

  test('ask what stops at safe points, and abort it when its grace is over', async () => {
    const { row } = await newDeployment(await newEnvironment())
    const mailbox = new Mailbox(store.database).reaching('at-safe-point', 300)
    await mailbox.send(row.id, 'cancel', ada)
    const seen: string[] = []
    const working = mailbox.heed(row.id, async (signal, { asked }) => {
      asked.addEventListener('abort', () => seen.push(`asked, ${signal.aborted ? 'aborted' : 'free to finish'}`))
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      seen.push('aborted')
      throw new Error('in the middle')
    })
    await expect(working).rejects.toMatchObject({ code: 'CANCELLED' })
    expect(seen).toEqual(['asked, free to finish', 'aborted'])
  })

  test('let what finishes within its grace say how it stopped', async () => {
    const { row } = await newDeployment(await newEnvironment())
    const mailbox = new Mailbox(store.database).reaching('at-safe-point')
    await mailbox.send(row.id, 'cancel', ada)
    const working = mailbox.heed(row.id, async (_, { asked }) => {
      await new Promise((resolve) => asked.addEventListener('abort', resolve))
      throw new SluiceError('CANCELLED', 'cancelled after the third statement')
    })
    await expect(working).rejects.toThrow('after the third statement')
  })
})

test('secrets keep every version, and a removal is one', async () => {
  const environment = await newEnvironment()
  await insertSecret(store.database, environment, 'KEY', Buffer.from('one'))
  await insertSecret(store.database, environment, 'KEY', Buffer.from('two'))
  await insertSecret(store.database, environment, 'KEY', null)
  const [newest] = await listNewestSecrets(store.database, environment)
  expect(newest).toMatchObject({ name: 'KEY', version: 3, ciphertext: null })
  expect((await findSecretVersion(store.database, environment, 'KEY', 1))?.ciphertext?.toString()).toBe('one')
})

test('judge states are overwritten and evidence is packed', async () => {
  const { row } = await newDeployment(await newEnvironment())
  const startedAt = new Date(1000)
  await putJudgeState(store.database, row.id, 'shift', { state: { seen: 1 }, cursor: null, startedAt })
  await putJudgeState(store.database, row.id, 'shift', { state: { seen: 2 }, cursor: '7', startedAt: new Date(9) })
  expect(await findJudgeState(store.database, row.id, 'shift')).toEqual({ state: { seen: 2 }, cursor: '7', startedAt })
  await putEvidence(store.database, row.id, 'samples', { samples: [1, 2, 3] })
  expect(await findEvidence(store.database, row.id, 'samples')).toEqual({ samples: [1, 2, 3] })
})

test('a port that was chosen for an environment stays', async () => {
  const environment = await newEnvironment()
  expect(await rememberHttpPort(store.database, environment, 8080)).toBe(8080)
  expect(await rememberHttpPort(store.database, environment, 9090)).toBe(8080)
})
