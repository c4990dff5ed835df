import { afterAll, beforeAll, expect, test } from 'vitest'
import { putStep } from '../store/activities.ts'
import {
  type DeploymentRow,
  insertDeployment,
  listCurrentDeployments,
  listDeployments,
  moveDeployment,
} from '../store/deployments.ts'
import { ensureEnvironment } from '../store/environments.ts'
import { type TemporaryDatabase, temporaryDatabase } from '../store/testing/temporary-database.ts'
import { deploymentView, deploymentViews } from './deployment-views.ts'
import { Targets } from './targets.ts'

let store: TemporaryDatabase
beforeAll(async () => {
  store = await temporaryDatabase()
})
afterAll(() => store.remove())

async function deployment(environment: string): Promise<DeploymentRow> {
  await ensureEnvironment(store.database, environment)
  const { row } = await insertDeployment(store.database, {
    environment,
    strategy: 'rolling',
    request: {
      kind: 'rollback',
      release: null,
      reason: null,
      actor: { kind: 'owner', id: '0', name: 'ada', label: null },
    },
    idempotencyKey: null,
  })
  return row
}

const end = (id: string) =>
  store.database.transaction().execute((transaction) => moveDeployment(transaction, id, 'failed'))

test('a list asks the database as often for many as for one, and shows each as it is shown alone', async () => {
  for (let count = 0; count < 20; count++) {
    const { id } = await deployment('shop.many')
    for (const name of ['build', 'admit']) await putStep(store.database, { activity: id, name, state: 'done' })
  }
  const rows = await listDeployments(store.database, { environment: 'shop.many', limit: 100 })
  let questions = 0
  const database = store.database.withPlugin({
    transformQuery: ({ node }) => {
      questions += 1
      return node
    },
    transformResult: async ({ result }) => result,
  })
  const targets = new Targets({ kinds: [], database, wrap: (target) => target })
  const views = await deploymentViews({ database, targets }, rows)
  expect(questions).toBeLessThanOrEqual(2)
  expect(views).toEqual(await Promise.all(rows.map((row) => deploymentView({ database, targets }, row))))
  expect(views).toHaveLength(20)
  expect(views[7]?.steps.map(({ name }) => name)).toEqual(['build', 'admit'])
})

test('of each environment the newest that runs is shown, or else the newest', async () => {
  const [first, second] = [await deployment('shop.one'), await deployment('shop.one')]
  await end(second.id)
  const [third, fourth] = [await deployment('shop.two'), await deployment('shop.two')]
  await end(third.id)
  await end(fourth.id)
  const current = await listCurrentDeployments(store.database, ['shop.one', 'shop.two', 'shop.three'])
  expect(current.map(({ id }) => id)).toEqual([first.id, fourth.id])
})
