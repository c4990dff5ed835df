import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { ArtifactStore } from '../build/artifact-store.ts'
import { fileArtifactStore } from '../build/file-artifact-store.ts'
import type { ReleaseState } from '../model/release-state.ts'
import { ada } from '../model/testing/ada.ts'
import { insertDeployment, updateDeployment } from '../store/deployments.ts'
import { ensureEnvironment } from '../store/environments.ts'
import { findEvidence, putEvidence } from '../store/judge-states.ts'
import { findRelease, setReleaseState, writeRelease } from '../store/releases.ts'
import { type TemporaryDatabase, temporaryDatabase } from '../store/testing/temporary-database.ts'
import { systemClock } from '../support/clock.ts'
import { silentLog } from '../support/log.ts'
import { removeFolder } from '../support/remove-folder.ts'
import { prune } from './retention.ts'
import { deployOrder } from './testing/deploy-order.ts'
import { type MemoryTarget, memoryTarget } from './testing/memory-target.ts'
import { dbosWorkflows } from './workflows/dbos-workflows.ts'
import type { Workflows } from './workflows/workflows.ts'

let store: TemporaryDatabase
let directory: string
let artifacts: ArtifactStore
let workflows: Workflows

beforeAll(async () => {
  store = await temporaryDatabase()
  directory = await mkdtemp(join(tmpdir(), 'sluice-retention-'))
  artifacts = fileArtifactStore({ directory: join(directory, 'a'), trees: join(directory, 't'), protectMs: 0 })
  workflows = dbosWorkflows({ databaseUrl: store.url, log: { warn: () => {}, error: () => {} } })
  workflows.register<string>('noop', async (flow) => void (await flow.step('nothing', async () => null)))
  await workflows.launch()
})
afterAll(async () => {
  await workflows?.shutdown()
  await store?.remove()
  if (directory !== undefined) await removeFolder(directory)
})

const target = memoryTarget()
let environments = 0
let environment = ''
beforeEach(async () => {
  environment = `shop.e${++environments}`
  await ensureEnvironment(store.database, environment)
})

interface Past {
  readonly state: ReleaseState
  readonly served?: boolean
  readonly running?: boolean
  readonly keepReleases?: number
  readonly keepAssets?: number
}

let contents = 0
/** A release as an earlier deployment left it, with an artifact of its own. */
async function release({ state, served = true, running = false, keepReleases = 2, keepAssets = 0 }: Past) {
  const folder = join(directory, `source-${++contents}`)
  await mkdir(folder)
  await writeFile(join(folder, 'index.js'), `// ${contents}`)
  const { id: artifact } = await artifacts.add(folder, { buildKey: null, description: '' }, { maxBytes: 1e6 })
  const { config } = deployOrder()
  const { row } = await insertDeployment(store.database, {
    environment,
    strategy: 'rolling',
    request: { kind: 'deploy', request: deployOrder(), actor: ada },
    idempotencyKey: null,
  })
  const record = await writeRelease(store.database, row.id, {
    ...config,
    environment,
    artifact,
    source: { kind: 'git', commit: null, dirty: false, branch: null, subject: null },
    secrets: {},
    schema: null,
    keepAssetsOfReleases: keepAssets,
    keepReleases,
    createdAt: '',
  })
  await setReleaseState(store.database, record.id, state)
  await updateDeployment(store.database, row.id, {
    release: record.id,
    ...(served ? { serving_at: new Date() } : {}),
    ...(running ? {} : { finished_at: new Date() }),
  })
  return { id: record.id, artifact, record }
}

/** Five artifacts of nobody: the newest ones are kept over and above those in use. */
async function newerLooseArtifacts(): Promise<void> {
  for (let loose = 0; loose < 5; loose++) {
    const folder = join(directory, `source-${++contents}`)
    await mkdir(folder)
    await writeFile(join(folder, 'index.js'), `// ${contents}`)
    await artifacts.add(folder, { buildKey: null, description: '' }, { maxBytes: 1e6 })
  }
}

const pruneNow = (now = new Date(), targets: Pick<MemoryTarget, 'of'> = target) =>
  prune({
    artifacts,
    database: store.database,
    log: silentLog,
    targets,
    workflows,
    clock: { ...systemClock, now: () => now },
  })
const stateOf = async (id: string) => (await findRelease(store.database, id))?.state

test('as many releases are kept for rollback as the environment says, those that served only', async () => {
  const oldest = await release({ state: 'kept' })
  const kept = await release({ state: 'kept' })
  const failed = await release({ state: 'prepared', served: false })
  const serving = await release({ state: 'serving', keepReleases: 2 })
  await newerLooseArtifacts()
  const pruned = await pruneNow()
  expect(pruned).toEqual(expect.arrayContaining([oldest.artifact, failed.artifact]))
  expect(await artifacts.get(oldest.artifact)).toBeNull()
  expect(await artifacts.get(kept.artifact)).not.toBeNull()
  expect(await artifacts.get(serving.artifact)).not.toBeNull()
  expect([await stateOf(oldest.id), await stateOf(kept.id)]).toEqual(['pruned', 'kept'])
})

test('a place that does not answer keeps its artifacts, and others are pruned all the same', async () => {
  const elsewhere = await release({ state: 'prepared', served: false })
  environment = `shop.e${++environments}`
  await ensureEnvironment(store.database, environment)
  const here = await release({ state: 'prepared', served: false })
  await newerLooseArtifacts()
  const silent = elsewhere.record.environment
  const pruned = await pruneNow(new Date(), {
    of: (key) => {
      const { fleets, ...rest } = target.of(key)
      const inspect = () => (key === silent ? Promise.reject(new Error('no answer')) : fleets.inspect())
      return { ...rest, fleets: { ...fleets, inspect } }
    },
  })
  expect(pruned).toContain(here.artifact)
  expect(pruned).not.toContain(elsewhere.artifact)
})

test('a release that serves, is warm, held, running or being deployed is never pruned', async () => {
  const held = await release({ state: 'on-hold' })
  const serving = await release({ state: 'serving' })
  const warm = await release({ state: 'warm' })
  const running = await release({ state: 'kept' })
  const order = { signal: AbortSignal.timeout(60_000), deadlineMs: 1000, fence: 1 }
  await target.of(environment).fleets.scale(running.record, { web: 1 }, order)
  const deploying = await release({ state: 'prepared', served: false, running: true })
  await release({ state: 'kept', keepReleases: 1 })
  const newest = await release({ state: 'kept', keepReleases: 1 })
  await newerLooseArtifacts()
  const pruned = await pruneNow()
  for (const { artifact } of [held, serving, warm, running, deploying, newest]) {
    expect(pruned).not.toContain(artifact)
    expect(await artifacts.get(artifact)).not.toBeNull()
  }
})

test('the assets of the last releases stay served, so their artifacts stay', async () => {
  const gone = await release({ state: 'kept' })
  const tabs = [await release({ state: 'kept' }), await release({ state: 'kept' })]
  await release({ state: 'serving', keepReleases: 1, keepAssets: 2 })
  await newerLooseArtifacts()
  const pruned = await pruneNow()
  expect(pruned).toContain(gone.artifact)
  for (const { artifact } of tabs) expect(await artifacts.get(artifact)).not.toBeNull()
})

test('an artifact that another environment keeps is not pruned', async () => {
  const here = await release({ state: 'kept', keepReleases: 1 })
  await release({ state: 'serving', keepReleases: 1 })
  environment = `${environment}b`
  await ensureEnvironment(store.database, environment)
  const there = await release({ state: 'serving' })
  await sql`update releases set record = jsonb_set(record, '{artifact}', ${JSON.stringify(here.artifact)}::jsonb)
    where id = ${there.id}`.execute(store.database)
  await newerLooseArtifacts()
  expect(await pruneNow()).not.toContain(here.artifact)
})

test('what a judgement rested on is kept for ninety days', async () => {
  const { record } = await release({ state: 'serving' })
  const { deployment = '' } = (await findRelease(store.database, record.id)) ?? {}
  await putEvidence(store.database, deployment, 'samples-shift', { kept: true })
  await pruneNow()
  expect(await findEvidence(store.database, deployment, 'samples-shift')).toEqual({ kept: true })
  await pruneNow(new Date(Date.now() + 91 * 24 * 60 * 60_000))
  expect(await findEvidence(store.database, deployment, 'samples-shift')).toBeUndefined()
})

test('finished workflows are forgotten after a week, and younger ones stay', async () => {
  const count = async () =>
    (
      await sql<{ id: string }>`select workflow_uuid as id from dbos.workflow_status
      where workflow_uuid in ('old', 'young') order by 1`.execute(store.database)
    ).rows.map(({ id }) => id)
  const done = async (id: string) => {
    await workflows.start('noop', id, id)
    for (;;) {
      const { rows } = await sql<{ status: string }>`select status from dbos.workflow_status
        where workflow_uuid = ${id}`.execute(store.database)
      if (rows[0]?.status === 'SUCCESS') return
      await new Promise((go) => setTimeout(go, 20))
    }
  }
  await done('old')
  await done('young')
  const weekAgo = Date.now() - 8 * 24 * 60 * 60_000
  await sql`update dbos.workflow_status set created_at = ${weekAgo}, updated_at = ${weekAgo}
    where workflow_uuid = 'old'`.execute(store.database)
  await pruneNow()
  expect(await count()).toEqual(['young'])
})
