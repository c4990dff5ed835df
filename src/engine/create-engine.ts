import type { DatabaseHosts } from '../databases/database-hosts.ts'
import { deploymentKinds } from '../model/activity.ts'
import type { Actor } from '../model/actor.ts'
import { SluiceError } from '../model/error.ts'
import type { Instance } from '../model/instance.ts'
import type { ReleaseRecord } from '../model/release.ts'
import { noTraffic } from '../model/traffic-split.ts'
import { listUnfinished } from '../store/activities.ts'
import { listEnvironments } from '../store/environments.ts'
import { sleep } from '../support/clock.ts'
import { within } from '../support/deadline.ts'
import { messageOf } from '../support/message-of.ts'
import type { TargetKind } from '../targets/target-kind.ts'
import { boundedTarget } from './bounded-target.ts'
import { endUnfinished, hadTraffic } from './compensate.ts'
import { minuteRollUp } from './consumers/minute-roll-up.ts'
import { startConsumers } from './consumers/start-consumers.ts'
import type { EngineContext } from './context.ts'
import { environmentDatabases } from './database-urls.ts'
import { deploymentsOf } from './deployments.ts'
import { type Dossier, findDossier } from './dossier.ts'
import type { Engine } from './engine.ts'
import { environmentMasks } from './environment-masks.ts'
import { environmentsOf } from './environments.ts'
import { EventLog } from './event-log.ts'
import { Journal } from './journal.ts'
import type { JudgedPhase } from './judgement/judged-phase.ts'
import { lives } from './lives.ts'
import { Mailbox } from './mailbox.ts'
import { maskedTarget } from './masked-target.ts'
import { patienceWith } from './patience.ts'
import { projectsOf } from './projects.ts'
import { reconcileAll } from './reconcile.ts'
import { releasesOf } from './releases.ts'
import { Restoration } from './restoration.ts'
import { startRetention } from './retention.ts'
import { secretValues } from './secret-values.ts'
import { secretsOf } from './secrets.ts'
import { Targets } from './targets.ts'
import { liveThrough } from './workflow.ts'
import { dbosWorkflows } from './workflows/dbos-workflows.ts'
import type { Workflows } from './workflows/workflows.ts'

export interface CreateEngineOptions
  extends Omit<EngineContext, 'events' | 'mailbox' | 'journal' | 'workflows' | 'targets' | 'databases' | 'masks'> {
  readonly databaseUrl: string
  readonly databases: DatabaseHosts
  /** What is asked to stop at a safe point has this long; then it is stopped. */
  readonly safePointGraceMs?: number
  readonly decorateWorkflows?: WorkflowsDecorator
  /** Made here, because instances get secrets and database addresses that the engine resolves at their start. */
  readonly targets: (
    environmentOf: (release: ReleaseRecord) => Promise<Record<string, string>>,
    onChange: (instance: Instance) => void,
  ) => readonly TargetKind[]
}

/** Stands between the engine and its workflows: how crashes at exact places are made. */
export type WorkflowsDecorator = (workflows: Workflows) => Workflows

export interface EngineParts {
  readonly engine: Engine
  /** Resumes what was in flight. */
  launch(): Promise<void>
  /** Brings back every fleet that should run; begun before `launch`, which waits in each environment for it. */
  reconcile(signal: AbortSignal): Promise<void>
  /** What a judgement rested on, by default the last of the deployment; null: not judged. */
  dossier(deployment: string, phase?: JudgedPhase): Promise<Dossier | null>
  /** Tells who asked the control plane to stop. */
  tellStop(actor: Actor, options: { readonly all: boolean }): Promise<void>
  /** Stops all fleets of all environments (`down --all`). */
  stopFleets(): Promise<void>
  shutdown(): Promise<void>
}

const START_DATABASE_MS = 60_000
const STOP_FLEETS_MS = 90_000
const STOP_AGAIN_MS = 200

export function createEngine(options: CreateEngineOptions): EngineParts {
  const { databaseUrl, databases: hosts, targets: makeTargets, safePointGraceMs, ...rest } = options
  const { decorateWorkflows: decorate = (workflows) => workflows, ...parts } = rest
  const given = { ...parts, databases: environmentDatabases(hosts, parts), masks: environmentMasks(parts, hosts) }
  const { database, log } = given
  const events = new EventLog(database)
  const environmentOf = async (release: ReleaseRecord) => {
    const url = await given.databases.urlFor(release, AbortSignal.timeout(START_DATABASE_MS))
    return {
      ...(await secretValues(given, release)),
      ...(url === null ? {} : { DATABASE_URL: url }),
    }
  }
  const tellInstance = (instance: Instance) => {
    const { id, release, service, state, exit } = instance
    void events
      .append({
        type: 'instance.state',
        environment: instance.environment,
        activity: null,
        data: { instance: id, release, service, state, exit: exit ?? null },
      })
      .catch(() => {}) // the state itself is found again by inspect()
  }
  const workflows = decorate(dbosWorkflows({ databaseUrl, log }))
  const context: EngineContext = {
    ...given,
    events,
    mailbox: new Mailbox(database, 'now', safePointGraceMs),
    journal: new Journal(database, events),
    workflows,
    targets: new Targets({
      kinds: makeTargets(environmentOf, tellInstance),
      database,
      wrap: (target, environment) =>
        maskedTarget(boundedTarget(target, environment, given.clock), environment, given.masks),
    }),
  }
  const restoration = new Restoration()
  for (const [kind, phases] of Object.entries(lives)) {
    workflows.register<string>(kind, async (flow, deployment) => {
      await restoration.awaitFor(context, deployment)
      return liveThrough(phases, context, flow, deployment)
    })
  }
  const retention = startRetention(context)
  let consumers: { stop(): Promise<void> } = { stop: async () => {} }

  return {
    engine: {
      deployments: deploymentsOf(context),
      releases: releasesOf(context),
      environments: environmentsOf(context),
      projects: projectsOf(context),
      secrets: secretsOf(context),
      events,
    },
    launch: async () => {
      await context.targets.load()
      await workflows.launch()
      await startForgotten(context)
      consumers = startConsumers(context, [minuteRollUp])
    },
    reconcile: async (signal) => {
      const work = context.targets.load().then(() => reconcileAll(context, signal))
      restoration.begin(work)
      await Promise.all((await work).values())
    },
    dossier: (deployment, phase) => findDossier(context, deployment, phase),
    tellStop: async (actor, { all }) => {
      await events.append({ type: 'control.stopping', environment: null, activity: null, data: { all, actor } })
    },
    stopFleets: () => stopFleets(context),
    shutdown: async () => {
      retention.stop()
      await consumers.stop()
      await workflows.shutdown()
    },
  }
}

/**
 * A crash between the record and the start of its workflow: starting the same id twice is one run. A run that ended
 * without an outcome (a bug of ours) must not hold its environment up for ever.
 */
async function startForgotten(context: EngineContext): Promise<void> {
  for (const { id, kind, state } of await listUnfinished(context.database)) {
    if (!Object.hasOwn(deploymentKinds, kind)) {
      context.log.warn(`${id} is work of a kind that is not known here (${kind}): it is left alone`)
      continue
    }
    if (!(await context.workflows.hasEnded(id))) {
      await context.workflows.start(kind, id, id)
      continue
    }
    const error = new SluiceError('UNEXPECTED', `the work on ${id} ended while it was ${state}, without an outcome`)
    context.log.error(error.message)
    await endUnfinished(context, id, { error, failure: error, hadTraffic: await hadTraffic(context, id) })
  }
}

/** Everywhere at once: a place that takes long, or does not answer, holds up no other. */
async function stopFleets(context: EngineContext): Promise<void> {
  const environments = await listEnvironments(context.database)
  const stopped = await Promise.allSettled(
    environments.map(({ key, fence }) => stopFleetsOf(context, key, Number(fence))),
  )
  for (const each of stopped) if (each.status === 'rejected') throw each.reason
}

/** Looks again until nothing is left: a step in flight may have launched something behind the first look. */
async function stopFleetsOf(context: EngineContext, environment: string, fence: number): Promise<void> {
  const target = context.targets.of(environment)
  const { retireMs, shiftMs } = patienceWith(target.capabilities)
  const deadlineMs = Math.max(STOP_FLEETS_MS, retireMs(null) + shiftMs)
  await within(`stopping the fleets of ${environment}`, { deadlineMs, clock: context.clock }, async (signal) => {
    const options = { signal, deadlineMs, fence }
    for (;;) {
      const { fleets } = await target.fleets.inspect()
      if (fleets.length === 0) return
      signal.throwIfAborted()
      try {
        await target.traffic.shift(noTraffic, options)
        for (const fleet of fleets) await target.fleets.retire(fleet.release, options)
      } catch (error) {
        // A step in flight may have moved the traffic in between: what is there by now is looked at again.
        if (signal.aborted) throw error
        context.log.warn(`${environment} is stopped once more: ${messageOf(error)}`)
        await sleep(STOP_AGAIN_MS, signal)
      }
    }
  })
}
