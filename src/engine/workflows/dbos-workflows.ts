import { DBOS, Error as DbosErrors, type WorkflowStatusString } from '@dbos-inc/dbos-sdk'
import { isSluiceError, type SerializedError, SluiceError } from '../../model/error.ts'
import { isConnectionError } from '../../store/database.ts'
import type { Flow, Workflows } from './workflows.ts'

export interface DbosWorkflowsOptions {
  readonly databaseUrl: string
  readonly log: { warn(text: string): void; error(text: string): void }
  /** How long a step waits for a database that went away before it gives up. */
  readonly outageMs?: number
}

type StepOutcome = { readonly value: unknown } | { readonly error: SerializedError }
type Body = (flow: Flow, input: unknown) => Promise<void>

const ended: WorkflowStatusString[] = ['SUCCESS', 'ERROR', 'CANCELLED', 'MAX_RECOVERY_ATTEMPTS_EXCEEDED']

/**
 * DBOS keeps one global engine per process, so there is one `dbosWorkflows` per control plane. The application version
 * is constant: a new version string would leave waiting workflows pending for ever.
 */
export function dbosWorkflows({ databaseUrl, log, outageMs = 60_000 }: DbosWorkflowsOptions): Workflows {
  const bodies = new Map<string, (input: unknown) => Promise<void>>()
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
        logger: {
          info: () => {},
          debug: () => {},
          warn: (entry) => log.warn(text(entry)),
          error: (entry) => log.error(text(entry)),
        },
      })
      await DBOS.launch()
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
    shutdown: () => DBOS.shutdown(),
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
