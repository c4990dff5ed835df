import { hasUsers, holdsLease, isMoving, wayToGive } from '../../model/deployment.ts'
import { SluiceError } from '../../model/error.ts'
import { actorOf, type DeploymentRow, listDeployments } from '../../store/deployments.ts'
import { acquireLease, type Lease } from '../../store/leases.ts'
import type { EngineContext } from '../context.ts'
import type { Phase, Work } from '../phase.ts'
import { planDeploy, planRollback } from '../plan.ts'
import { requestOf } from '../requests.ts'
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

/**
 * Waits until this deployment may move the environment's traffic: a newer deployment supersedes one that has not begun
 * to shift, ends a bake early, and waits for one that is shifting (or, with `replace`, has it compensate).
 */
async function admit(context: EngineContext, deployment: string, replace: boolean): Promise<Lease> {
  const row = await context.journal.move(deployment, 'waiting')
  return context.journal.step(deployment, 'admit', () =>
    context.mailbox.heed(deployment, async (signal) => {
      const told = new Set<string>()
      for (;;) {
        const change = nextChange(context, row.environment, signal)
        const others = await othersRunning(context, row)
        const newer = others.find((other) => Number(other.ordinal) > Number(row.ordinal) && isAdmitted(other))
        if (newer !== undefined && row.kind === 'deploy') {
          throw new SluiceError('SUPERSEDED', `superseded by the newer deployment ${newer.id}`, {
            hint: 'nothing to do: the newer deployment goes on',
            details: { deployment: newer.id },
          })
        }
        for (const other of others) await askToGiveWay(context, row, other, replace, told)
        if (!others.some((other) => isMoving(other.state))) {
          const result = await acquireLease(context.database, row)
          if ('lease' in result) return result.lease
        }
        await change
        signal.throwIfAborted()
      }
    }),
  )
}

/** Takes the lease for a compensation: it goes before everything that has not begun to shift. */
export async function takeLeaseBack(context: EngineContext, row: DeploymentRow): Promise<Lease> {
  const told = new Set<string>()
  const signal = AbortSignal.timeout(60_000)
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

function isAdmitted({ state }: DeploymentRow): boolean {
  return holdsLease(state) || hasUsers(state)
}

async function askToGiveWay(
  context: EngineContext,
  row: DeploymentRow,
  other: DeploymentRow,
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
