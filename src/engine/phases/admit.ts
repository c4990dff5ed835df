import type { Waiting } from '../../model/activity.ts'
import { wayToGive } from '../../model/deployment.ts'
import type { Database } from '../../store/database.ts'
import { actorOf, type DeploymentRow, listDeployments } from '../../store/deployments.ts'
import { getEnvironment } from '../../store/environments.ts'
import { acquireLease, type Lease } from '../../store/leases.ts'
import { getRelease } from '../../store/releases.ts'
import type { EngineContext } from '../context.ts'
import { patienceWith } from '../patience.ts'
import type { Phase, Work } from '../phase.ts'
import { planDeploy, planRollback } from '../plan.ts'
import { requestOf } from '../requests.ts'
import { oneWriter, waitsFor } from '../rules/one-writer.ts'
import { type AdmissionFacts, askRules, type OtherDeployment, type ReleaseFacts, type Rule } from '../rules/rule.ts'
import { schema } from '../rules/schema.ts'
import { loadRun } from '../run.ts'
import type { Flow } from '../workflows/workflows.ts'

/** Waits for its turn, and plans for what serves then. */
export const admitDeploy: Phase = {
  name: 'admit',
  state: 'waiting',
  interrupt: 'now',
  run: (context, flow, { deployment }) =>
    admitted(context, flow, deployment, {
      replace: async () => requestOf((await context.journal.load(deployment)).request).replace,
      plan: planDeploy,
    }),
}

/** A rollback has everything that moves make room for it. */
export const admitRollback: Phase = {
  ...admitDeploy,
  run: (context, flow, { deployment }) =>
    admitted(context, flow, deployment, { replace: async () => true, plan: planRollback }),
}

async function admitted(
  context: EngineContext,
  flow: Flow,
  deployment: string,
  { replace, plan }: { readonly replace: () => Promise<boolean>; readonly plan: typeof planDeploy },
): Promise<Work> {
  const lease = await flow.step('admit', async () => admit(context, deployment, await replace()))
  const stored = await flow.step('plan', () => plan(context, deployment, lease))
  return { deployment, run: await loadRun(context.database, stored), isOver: false }
}

const rules: readonly Rule[] = [oneWriter, schema]

/**
 * Waits until this deployment may move the environment's traffic: a newer deployment supersedes one that has not begun
 * to shift, ends a bake early, and waits for one that is shifting (or, with `replace`, has it compensate). What waits says
 * for what.
 */
async function admit(context: EngineContext, deployment: string, replace: boolean): Promise<Lease> {
  const row = await context.journal.move(deployment, 'waiting')
  return context.journal.step(deployment, 'admit', () =>
    context.mailbox.heed(deployment, async (signal) => {
      const told = new Set<string>()
      for (;;) {
        const change = nextChange(context, row.environment, signal)
        const facts = await factsFor(context, row)
        const answer = askRules(rules, facts)
        if ('refuse' in answer) throw answer.refuse
        for (const other of facts.others) await askToGiveWay(context, row, other, replace, told)
        const result = 'wait' in answer ? answer : await tryToEnter(context, row, facts)
        if ('lease' in result) {
          await context.journal.set(deployment, { waiting: null })
          return result.lease
        }
        await context.journal.waits(deployment, 'admit', result.wait)
        await change
        signal.throwIfAborted()
      }
    }),
  )
}

/** The rules let it; the lease sees to it that nobody else enters at the same time. */
async function tryToEnter(
  context: EngineContext,
  row: DeploymentRow,
  facts: AdmissionFacts,
): Promise<{ readonly lease: Lease } | { readonly wait: Waiting }> {
  const result = await acquireLease(context.database, row)
  if ('lease' in result) return result
  const holder = facts.others.find(({ id }) => id === result.holder)
  const reason = holder === undefined ? `waits for ${result.holder}` : waitsFor(holder, facts.now)
  return { wait: { reason, until: null } }
}

async function factsFor(context: EngineContext, self: DeploymentRow): Promise<AdmissionFacts> {
  const { database } = context
  const { release: serving } = await getEnvironment(database, self.environment)
  // What a rollback goes to is decided when it is admitted, and was checked before it began.
  const coming = self.kind === 'deploy' ? self.release : null
  const others = await othersRunning(context, self)
  const [comingFacts, servingFacts] = await Promise.all([
    releaseFacts(database, coming),
    releaseFacts(database, serving),
  ])
  return { self, others, coming: comingFacts, serving: servingFacts, now: context.clock.now() }
}

async function releaseFacts(database: Database, release: string | null): Promise<ReleaseFacts | null> {
  if (release === null) return null
  const { id, record } = await getRelease(database, release)
  return { id, schema: record.schema }
}

/** Longer than whoever holds it may need to stop at a safe point. */
const TAKE_LEASE_MS = 150_000

/** Takes the lease for a compensation: it goes before everything that has not begun to shift. */
export async function takeLeaseBack(context: EngineContext, row: DeploymentRow): Promise<Lease> {
  const told = new Set<string>()
  const { restoreMs } = patienceWith(context.targets.of(row.environment).capabilities)
  const signal = AbortSignal.timeout(Math.max(TAKE_LEASE_MS, restoreMs))
  for (;;) {
    const change = nextChange(context, row.environment, signal)
    const result = await acquireLease(context.database, row)
    if ('lease' in result) return result.lease
    if (!told.has(result.holder)) {
      told.add(result.holder)
      await context.mailbox.send(result.holder, 'supersede', actorOf(row), { deployment: row.id })
    }
    await change
    signal.throwIfAborted()
  }
}

async function othersRunning(context: EngineContext, row: DeploymentRow): Promise<readonly DeploymentRow[]> {
  const running = await listDeployments(context.database, { environment: row.environment, running: true, limit: 100 })
  return running.filter((other) => other.id !== row.id)
}

async function askToGiveWay(
  context: EngineContext,
  row: DeploymentRow,
  other: OtherDeployment,
  replace: boolean,
  told: Set<string>,
): Promise<void> {
  const isOlder = Number(other.ordinal) < Number(row.ordinal)
  const message = isOlder ? wayToGive(other.state) : null
  if (message === null || (message === 'replace' && !replace) || told.has(`${other.id} ${message}`)) return
  told.add(`${other.id} ${message}`)
  await context.mailbox.send(other.id, message, actorOf(row), { deployment: row.id })
}

/** Resolves at the next event of the environment, and after a second at the latest. */
function nextChange(context: EngineContext, environment: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      stop()
      clearTimeout(timer)
      signal.removeEventListener('abort', finish)
      resolve()
    }
    const stop = context.events.listen((event) => {
      if (event.environment === environment) finish()
    })
    const timer = setTimeout(finish, 1000)
    signal.addEventListener('abort', finish)
    if (signal.aborted) finish()
  })
}
