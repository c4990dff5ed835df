import { DBOS, Error as DbosErrors, type WorkflowStatusString } from '@dbos-inc/dbos-sdk'
import { INTERNAL_QUEUE_NAME } from '@dbos-inc/dbos-sdk/internal/utils'
import { registerInternalQueue, wfQueueRunner } from '@dbos-inc/dbos-sdk/internal/wfqueue'
import { workflowTimeoutConfig } from '@dbos-inc/dbos-sdk/internal/workflow_management'
import { isSluiceError, type SerializedError, SluiceError } from '../../model/error.ts'
import { isConnectionError } from '../../store/database.ts'
import type { Flow, Workflows } from './workflows.ts'

export interface DbosWorkflowsOptions {
  readonly databaseUrl: string
  readonly log: { warn(text: string): void; error(text: string): void }
  /** How long a step waits for a database that went away before it gives up. */
  readonly outageMs?: number
}

/** How soon after a start what was in flight goes on. */
const RESUME_POLL_MS = 50
/** No workflow of ours has a time-out or a schedule of the library's: its looks for them could as well never come. */
const UNUSED_POLL_MS = 60 * 60_000

type StepOutcome = { readonly value: unknown } | { readonly error: SerializedError }
type Body = (flow: Flow, input: unknown) => Promise<void>

const ended: WorkflowStatusString[] = ['SUCCESS', 'ERROR', 'CANCELLED', 'MAX_RECOVERY_ATTEMPTS_EXCEEDED']

/**
 * DBOS keeps one global engine per process, so there is one `dbosWorkflows` per control plane. The application version
 * is constant: a new version string would leave waiting workflows pending for ever.
 */
export function dbosWorkflows({ databaseUrl, log, outageMs = 60_000 }: DbosWorkflowsOptions): Workflows {
  const bodies = new Map<string, (input: unknown) => Promise<void>>()
  const closing = new AbortController()
  const flow: Flow = {
    step: async <Value>(name: string, body: () => Promise<Value>): Promise<Value> => {
      const outcome = await DBOS.runStep<StepOutcome>(() => runThroughOutages(body, outageMs), { name })
      if ('error' in outcome) throw SluiceError.fromJSON(outcome.error)
      return outcome.value as Value
    },
    isPatched: (name) => DBOS.patch(name),
  }

  return {
    register<Input>(name: string, body: (flow: Flow, input: Input) => Promise<void>) {
      bodies.set(
        name,
        DBOS.registerWorkflow((input: unknown) => (body as Body)(flow, input), { name }),
      )
    },
    async launch() {
      // Its pool sets a session variable on connect without waiting: pg warns of that once, on our standard error.
      DBOS.setConfig({
        name: 'sluice',
        systemDatabaseUrl: databaseUrl,
        systemDatabasePoolSize: 6,
        applicationVersion: 'sluice',
        executorID: 'local',
        enablePatching: true,
        useListenNotify: true,
        schedulerPollingIntervalMs: UNUSED_POLL_MS,
        logger: {
          info: () => {},
          debug: () => {},
          warn: (entry) => log.warn(text(entry)),
          error: (entry) => log.error(text(entry)),
        },
      })
      // What was in flight is put into a queue and taken from there: quickly, and never again after that.
      registerInternalQueue(INTERNAL_QUEUE_NAME, { minPollingIntervalMs: RESUME_POLL_MS })
      workflowTimeoutConfig.pollingIntervalMs = UNUSED_POLL_MS
      await DBOS.launch()
      void untilResumed(closing.signal).then(() => wfQueueRunner.stop())
    },
    async start(name, id, input) {
      const body = bodies.get(name)
      if (body === undefined) throw new Error(`no workflow is registered as ${name}`)
      await DBOS.startWorkflow(body, { workflowID: id })(input)
    },
    async hasEnded(id) {
      const run = await DBOS.getWorkflowStatus(id)
      return run !== null && ended.some((status) => status === run.status)
    },
    async prune(olderThanMs) {
      const finished = await DBOS.listWorkflows({
        status: ended,
        endTime: new Date(Date.now() - olderThanMs).toISOString(),
        limit: 500,
      })
      if (finished.length > 0) await DBOS.deleteWorkflows(finished.map((workflow) => workflow.workflowID))
    },
    async shutdown() {
      closing.abort()
      await DBOS.shutdown()
    },
  }
}

/** Nothing is put into a queue but at a start: when it is empty its watch has nothing to do, and costs 20 transactions a second. */
async function untilResumed(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const waiting = await DBOS.listWorkflows({ status: 'ENQUEUED', limit: 1 }).catch(() => null)
    if (waiting?.length === 0) return
    await new Promise((resolve) => setTimeout(resolve, 4 * RESUME_POLL_MS))
  }
}

/**
 * An upgrade that changed the step sequence, a lost ownership or a cancelled workflow reach the body as errors; taking
 * them for a failed deployment would roll a healthy one back.
 */
export function isMachineryError(error: unknown): boolean {
  return (
    error instanceof DbosErrors.DBOSError &&
    !(error instanceof DbosErrors.DBOSStepTimeoutError || error instanceof DbosErrors.DBOSMaxStepRetriesError)
  )
}

async function runThroughOutages(body: () => Promise<unknown>, outageMs: number): Promise<StepOutcome> {
  const deadline = performance.now() + outageMs
  for (;;) {
    try {
      return { value: (await body()) ?? null }
    } catch (error) {
      if (isSluiceError(error)) return { error: (error as SluiceError).toJSON() }
      if (!isConnectionError(error) || performance.now() > deadline) throw error
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
  }
}

function text(entry: unknown): string {
  return entry instanceof Error
    ? (entry.stack ?? entry.message)
    : typeof entry === 'string'
      ? entry
      : JSON.stringify(entry)
}
